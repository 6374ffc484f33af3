# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from buildbot_cd.core.landing.values import Gate
from buildbot_cd.store import SqlStore, upgrade
from buildbot_cd.store.sql import endurance, endure
from buildbot_cd.testing.postgres import restart
from tests.store.test_pool import in_master

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_url: str) -> str:
    """A PostgreSQL with one empty table ``note``."""
    engine = sa.create_engine(postgres_url)
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE note (text text)")
    engine.dispose()
    return postgres_url


def notes(url: str) -> list[str]:
    """What the table holds."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        found = [str(row[0]) for row in conn.exec_driver_sql("SELECT text FROM note")]
    engine.dispose()
    return found


def once(call: Callable[[], None]) -> Callable[[], None]:
    """The call, which does nothing when it is called again."""
    left = [call]
    return lambda: left.pop()() if left else None


@pytest.mark.parametrize("when", ["before", "within", "at the commit"])
def test_a_transaction_that_a_restart_cuts_off_is_done_again_and_counts_once(
    url: str, tmp_path: Path, when: str
) -> None:
    """PostgreSQL may go before the first statement, between two or before the commit: the caller never hears of it."""
    power_cut = once(lambda: restart(url))

    def write(conn: sa.Connection) -> None:
        for moment in ("before", "within"):
            if when == moment:
                power_cut()
            conn.execute(sa.text("INSERT INTO note VALUES (:moment)"), {"moment": moment})
        if when == "at the commit":
            power_cut()

    async def play(pool: Any) -> None:
        endure(pool.engine)
        await pool.do(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())  # a connection that will be cut
        await pool.do_with_transaction(write)

    in_master(url, tmp_path, play)
    assert notes(url) == ["before", "within"]


@pytest.mark.parametrize("counts", [False, True])
def test_a_commit_that_is_cut_off_is_done_again_unless_it_counts(url: str, tmp_path: Path, counts: bool) -> None:
    """Whether the server goes before it has heard of the commit or before it has answered, nobody hears of it, and
    nothing is written twice.
    """
    calls = []

    def write(conn: sa.Connection) -> None:
        calls.append(conn)
        conn.exec_driver_sql("INSERT INTO note VALUES ('once')")

    async def play(pool: Any) -> None:
        dialect = pool.engine.dialect
        plain, power_cut = dialect.do_commit, once(lambda: restart(url))

        def commit(connection: Any) -> None:
            if counts:
                plain(connection)
            power_cut()
            if counts:
                connection.cursor().execute("SELECT 1")  # breaks where the answer to the commit would have come
            plain(connection)

        dialect.do_commit = commit
        endure(pool.engine)
        await pool.do_with_transaction(write)

    in_master(url, tmp_path, play)
    assert len(calls) == (1 if counts else 2)
    assert notes(url) == ["once"]


def test_the_store_outlives_a_restart_in_the_middle_of_a_transaction(url: str, tmp_path: Path) -> None:
    """The gate's own transactions are done again too."""
    power_cut = once(lambda: restart(url))

    async def play(pool: Any) -> Any:
        endure(pool.engine)
        await pool.do(upgrade)
        store = SqlStore(pool)

        def make(tx: Any) -> Any:
            tx.gates.create(Gate("trunk"))
            power_cut()
            return tx.gates.get("trunk")

        return await store.transact(make)

    assert in_master(url, tmp_path, play).name == "trunk"


def test_a_server_that_refuses_for_a_reason_of_its_own_is_not_waited_for(url: str, tmp_path: Path) -> None:
    """A database that does not exist is said at once."""

    async def play(pool: Any) -> None:
        endure(pool.engine)
        await pool.do(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())

    with pytest.raises(sa.exc.OperationalError, match="does not exist"):
        in_master(sa.make_url(url).set(database="nobody").render_as_string(hide_password=False), tmp_path, play)


def test_a_server_that_tells_no_names_is_written_to_as_before(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old one, or one whose role may not ask: nothing is undone by the question."""
    monkeypatch.setattr(endurance, "ASK_NAME", "SELECT a_function_that_is_not_there()")

    async def play(pool: Any) -> None:
        await pool.do(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
        endure(pool.engine)
        await pool.do_with_transaction(lambda conn: conn.exec_driver_sql("INSERT INTO note VALUES ('kept')") and None)

    in_master(url, tmp_path, play)
    assert notes(url) == ["kept"]
