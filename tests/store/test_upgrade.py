# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from buildbot_cd.errors import StoreError
from buildbot_cd.store import upgrade
from buildbot_cd.store.schema import metadata
from buildbot_cd.store.upgrade import VERSION_TABLE, current_revision


def tables(engine: sa.Engine) -> set[str]:
    """The names of all tables."""
    return set(sa.inspect(engine).get_table_names())


def test_fresh_database_gets_every_table(empty: sa.Engine) -> None:
    """An empty database has all tables and our version table after the upgrade."""
    with empty.connect() as conn:
        assert current_revision(conn) is None
    with empty.connect() as conn:
        upgrade(conn)
    assert tables(empty) == set(metadata.tables) | {VERSION_TABLE}


def test_second_upgrade_changes_nothing(engine: sa.Engine) -> None:
    """An upgrade of a database that is up to date does nothing, and rows stay."""
    with engine.begin() as conn:
        conn.exec_driver_sql("INSERT INTO cd_duration (gate, nid, n, mean, variance) VALUES ('shop', 'a', 1, 2, 3)")
    with engine.connect() as conn:
        upgrade(conn)
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM cd_duration").scalar() == 1


def test_newer_database_is_refused(engine: sa.Engine) -> None:
    """Tables of a newer version are left alone, and the error says what to install."""
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE cd_alembic_version SET version_num = '9999'")
    with engine.connect() as conn, pytest.raises(StoreError, match=r"9999.*install the newer"):
        upgrade(conn)


def test_migrations_make_the_schema(engine: sa.Engine) -> None:
    """The revisions lead to exactly the tables that the code describes."""
    with engine.connect() as conn:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name.startswith("cd_"),
        }
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


def test_buildbots_own_version_is_untouched(empty: sa.Engine) -> None:
    """Buildbot's alembic_version keeps its content."""
    with empty.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        conn.exec_driver_sql("INSERT INTO alembic_version VALUES ('066')")
    with empty.connect() as conn:
        upgrade(conn)
    with empty.connect() as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["066"]


def test_masters_that_start_at_once_upgrade_once(empty: sa.Engine) -> None:
    """Four upgrades at the same moment all succeed."""
    start = threading.Barrier(4, timeout=10)

    def master() -> None:
        with empty.connect() as conn:
            start.wait()
            upgrade(conn)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(master) for _ in range(4)]:
            done.result(timeout=30)
    with empty.connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM cd_alembic_version").scalar() == 1


def test_upgrade_joins_a_transaction(empty: sa.Engine) -> None:
    """Within a transaction that is rolled back, the upgrade leaves nothing behind."""
    with empty.connect() as conn, conn.begin() as transaction:
        upgrade(conn)
        transaction.rollback()
    assert tables(empty) == set()


def test_other_databases_are_refused() -> None:
    """A db_url that names another database gives an error that says which ones are spoken."""
    conn = sa.create_mock_engine("mysql+pymysql://", lambda *_: None)
    with pytest.raises(StoreError, match="SQLite or PostgreSQL, not in mysql"):
        upgrade(conn)  # type: ignore[arg-type]
