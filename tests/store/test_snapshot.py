# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Slot, State
from buildbot_cd.errors import StoreError
from buildbot_cd.store import EngineStore, upgrade

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot_cd.store import Tx


def land(tx: Tx, number: int, state: State) -> int:
    """A landing in this state, with one intent."""
    landing = tx.landings.add("shop", "base", f"head{number}", "ann", "subject", "", float(number))
    if state is not State.QUEUED:
        landing = tx.landings.update(replace(landing, state=state, since=float(number)), "gate", "because", number)
    tx.outbox.put("shop", landing.id, Effect(EffectKind.CHECKS, f"checks/{landing.id}"), 0, 1.0)
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


def test_snapshot_reads_by_index(tmp_path: Path) -> None:
    """No statement of a snapshot goes through all landings or all intents (asked of SQLite, which tells its plan)."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.sqlite")
    with engine.connect() as conn:
        upgrade(conn)
    store = EngineStore(engine)
    statements: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    statements.clear()
    store.transact_now(lambda tx: tx.snapshot("shop"))
    selects = [one for one in statements if one[0].startswith("SELECT")]
    with engine.connect() as conn:
        plans = [
            str(row[3]) for sql, args in selects for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", args)
        ]
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN")]
    engine.dispose()


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
