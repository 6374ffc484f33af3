# SPDX-License-Identifier: GPL-2.0-only
"""Creates our tables and brings them to this version's shape, under our own Alembic version table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from buildbot_cd.errors import StoreError
from buildbot_cd.store.sql.transaction import check_dialect, retrying

if TYPE_CHECKING:
    import sqlalchemy as sa

VERSION_TABLE = "cd_alembic_version"
"""Buildbot keeps its own in ``alembic_version``, which is never read or written here."""

_UPGRADE_LOCK = 0x62625F6364
"""Any number that nobody else uses with pg_advisory_xact_lock: "bb_cd"."""


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Create or upgrade the tables, in one transaction: all of it or nothing. At the newest shape it does nothing.

    ``to`` names an older revision to stop at, for the tests of what a later one does with the rows that it finds.

    Masters that start at once do it one after the other. Opens and commits its own transaction if the connection has
    none, and joins the one that is there otherwise; to use with Buildbot: ``await master.db.pool.do(upgrade)``.

    Raises StoreError if the tables are from a newer version of buildbot_cd, or the database is one we do not speak.
    """
    check_dialect(connection.dialect.name)
    if connection.in_transaction():
        _upgrade(connection, to)
        return

    def attempt() -> None:
        with connection.begin():
            _upgrade(connection, to)

    retrying(attempt)


def _upgrade(connection: sa.Connection, to: str) -> None:
    _exclude_others(connection)
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    _refuse_newer(script, current_revision(connection))

    def steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs(to, revision)  # noqa: SLF001 - what alembic.command.upgrade itself calls

    config = Config(attributes={"connection": connection})
    with EnvironmentContext(config, script, fn=steps, destination_rev=to):
        script.run_env()


def _exclude_others(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        return
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def current_revision(connection: sa.Connection) -> str | None:
    """The revision of our tables; None if there are none."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_newer(script: ScriptDirectory, current: str | None) -> None:
    try:
        script.get_revisions(current or ())
    except CommandError as error:
        raise StoreError(
            f"the cd_ tables are at revision {current}, and this version of buildbot_cd knows them up to "
            f"{script.get_current_head()} only: install the newer buildbot_cd that was used with this database"
        ) from error
