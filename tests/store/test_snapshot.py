# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Slot, State
from buildbot_cd.errors import StoreError
from buildbot_cd.store import EngineStore, upgrade
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from buildbot_cd.store import Tx


def land(tx: Tx, number: int, state: State, *, done: bool = False) -> int:
    """A landing in this state, with one intent, which may be done."""
    landing = tx.landings.add("shop", "base", f"head{number}", "ann", "subject", "", float(number))
    if state is not State.QUEUED:
        landing = tx.landings.update(replace(landing, state=state, since=float(number)), "gate", "because", number)
    tx.outbox.put("shop", landing.id, Effect(EffectKind.CHECKS, f"checks/{landing.id}"), 0, 1.0)
    if done:
        tx.outbox.finish(f"checks/{landing.id}", {"verdict": "passed"}, 2.0)
    return landing.id


def test_snapshot_holds_what_is_open(engine: sa.Engine) -> None:
    """Landings that ended and their intents are left out; slots, own intents and reverts are in."""
    store = EngineStore(engine)

    def fill(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        for number, state in enumerate([State.LIVE, State.REVERTED, State.TESTING, State.HALTED]):
            land(tx, number, state)
        tx.slots.take("shop", Slot.TEST, 3, 1.0)
        tx.outbox.put("shop", None, Effect(EffectKind.OBSERVE, "look"), 0, 1.0)

    store.transact_now(fill)
    snapshot = store.transact_now(lambda tx: tx.snapshot("shop"))
    assert [one.id for one in snapshot.landings] == [3, 4]
    assert set(snapshot.intents) == {"checks/3", "checks/4", "look"}
    assert snapshot.slots == {Slot.TEST: 3}
    assert snapshot.reverts == ((1.0, "ann"),)


def test_snapshot_costs_the_same_after_many_landings(engine: sa.Engine) -> None:
    """The number of statements does not depend on how many landings are open or have ended."""
    store = EngineStore(engine)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def cost() -> int:
        statements.clear()
        store.transact_now(lambda tx: tx.snapshot("shop"))
        return len(statements)

    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    empty = cost()
    store.transact_now(lambda tx: [land(tx, number, State.LIVE) for number in range(50)])
    store.transact_now(lambda tx: [land(tx, number, State.QUEUED) for number in range(50, 60)])
    assert cost() == empty <= 8


@pytest.mark.parametrize("counted", [False, True])
def test_snapshot_reads_by_index(tmp_path: Path, counted: bool) -> None:
    """No statement of a look goes through all landings or intents (asked of SQLite, which tells its plan), also when
    the database has counted its rows and finds most of them ended.
    """
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.sqlite")
    with engine.connect() as conn:
        upgrade(conn)
    store = EngineStore(engine)
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    store.transact_now(
        lambda tx: [land(tx, n, State.LIVE if n < 200 else State.QUEUED, done=n < 200) for n in range(210)]
    )
    if counted:
        with engine.begin() as conn:
            conn.exec_driver_sql("ANALYZE")
    plans = plans_of(engine, lambda tx: tx.snapshot("shop"))
    plans += plans_of(engine, lambda tx: tx.outbox.unfinished("shop"))
    plans += plans_of(engine, lambda tx: tx.landings.find(Wanted(gate="shop", states=("queued",), limit=5)))
    assert len(plans) > 10
    assert not [plan for plan in plans if plan.startswith("SCAN") and ("landing" in plan or "_intent" in plan)]
    engine.dispose()


def plans_of(engine: sa.Engine, read: Callable[[Tx], object]) -> list[str]:
    """What SQLite says of how it would do each query of this read."""
    statements: list[tuple[str, tuple[object, ...]]] = []
    noted = lambda *args: statements.append((args[2], args[3]))  # noqa: E731 - to be taken away again
    sa.event.listen(engine, "before_cursor_execute", noted)
    EngineStore(engine).read_now(read)
    sa.event.remove(engine, "before_cursor_execute", noted)
    queries = [one for one in statements if one[0].startswith("SELECT")]
    with engine.connect() as conn:
        return [str(row[3]) for sql, args in queries for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", args)]


def test_unknown_gate(engine: sa.Engine) -> None:
    """A snapshot of a gate that does not exist is an error that names it."""
    with pytest.raises(StoreError, match="no gate shop"):
        EngineStore(engine).transact_now(lambda tx: tx.snapshot("shop"))


def test_overlong_names_are_refused(engine: sa.Engine) -> None:
    """A name that no index can hold gives an error that says how long it may be, the same on every database."""
    with pytest.raises(StoreError, match=r"has 5000 bytes; 1200 can be kept"):
        EngineStore(engine).transact_now(lambda tx: tx.durations.put("shop", {"x" * 5000: (1.0, 1.0, 1.0)}))


def test_longest_names_are_kept(engine: sa.Engine) -> None:
    """Names of the greatest length go into every index, whatever they are made of."""
    gate, nid = "".join(chr(0x4E00 + n * 17) for n in range(400)), "".join(chr(0x5E00 + n * 13) for n in range(400))
    EngineStore(engine).transact_now(lambda tx: tx.durations.put(gate, {nid: (1.0, 1.0, 1.0)}))
