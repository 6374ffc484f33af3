# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from buildbot.db.enginestrategy import create_engine
from buildbot.db.pool import DBThreadPool
from twisted.internet import defer
from twisted.internet.selectreactor import SelectReactor
from twisted.python import log

from buildbot_cd.core.landing.values import Gate
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store import SqlStore, upgrade
from buildbot_cd.store.sql import keep_open

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


def in_master(url: str, folder: Path, play: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run a coroutine on a reactor of its own, with the database pool that a master makes for this db_url."""
    reactor = SelectReactor()
    pool = DBThreadPool(create_engine(url, basedir=str(folder)), reactor=reactor)
    outcome: list[Any] = []

    async def main() -> Any:
        pool.start()
        try:
            return await play(pool)
        finally:
            await pool.stop()

    def begin() -> None:
        deferred = defer.ensureDeferred(main())
        deferred.addBoth(outcome.append)
        deferred.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.callLater(30, reactor.crash)
    reactor.run(installSignalHandlers=False)
    assert outcome, "no answer within 30 s"
    if hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    return outcome[0]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest) -> str:
    """A db_url as in master.cfg."""
    if request.param == "sqlite":
        return "sqlite:///state.sqlite"
    url: str = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine.dispose()
    return url


def test_store_over_buildbots_pool(db_url: str, tmp_path: Path) -> None:
    """Through the master's own pool: tables are made, transactions commit, a stale version rolls back unlogged."""
    logged: list[Any] = []
    log.addObserver(logged.append)

    async def play(pool: Any) -> tuple[Gate | None, ...]:
        await pool.do(upgrade)
        store = SqlStore(pool)
        gate = await store.transact(lambda tx: tx.gates.create(Gate("shop")))
        await store.transact(lambda tx: tx.gates.update(gate))
        with pytest.raises(StaleVersion):
            await store.transact(lambda tx: (tx.gates.create(Gate("other")), tx.gates.update(gate)))
        return await store.transact(lambda tx: (tx.gates.get("shop"), tx.gates.get("other")))

    try:
        assert in_master(db_url, tmp_path, play) == (Gate("shop", version=1), None)
    finally:
        log.removeObserver(logged.append)
    assert not [event for event in logged if event.get("isError")]


def test_the_log_of_a_sqlite_database_outlives_its_transactions(tmp_path: Path) -> None:
    """With one connection that stays, what the pool's connections wrote is not copied at each one's end."""

    async def play(pool: Any) -> list[bool]:
        await pool.do(upgrade)
        found, log = [], tmp_path / "state.sqlite-wal"
        for kept in (False, True):
            stays = await pool.do_with_engine(keep_open) if kept else None
            name = f"g{kept}"
            await SqlStore(pool).transact(lambda tx, name=name: tx.gates.create(Gate(name)))
            found.append(log.exists())
            if stays is not None:
                stays.close()
        return [*found, log.exists()]

    assert in_master("sqlite:///state.sqlite", tmp_path, play) == [False, True, False]
