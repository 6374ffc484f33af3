# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.dispatch.offer import Window
from buildbot_cd.core.landing.values import Gate, Slot
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store import EngineStore, SlotTaken
from buildbot_cd.store.rows import PlannedTest, TestResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

    from buildbot_cd.store import Tx


def all_at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """What each call gave or raised, all begun at the same moment."""
    start = threading.Barrier(len(calls), timeout=10)

    def one(call: Callable[[], object]) -> object:
        start.wait()
        try:
            return call()
        except (SlotTaken, StaleVersion) as error:
            return type(error)

    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result(timeout=40) for done in [pool.submit(one, call) for call in calls]]


def test_one_of_two_gets_the_slot(engine: sa.Engine) -> None:
    """Several threads take the same slot at once: one gets it, the others are told so."""
    store = EngineStore(engine)

    def take(landing: int) -> Callable[[], object]:
        return lambda: store.transact_now(lambda tx: tx.slots.take("shop", Slot.TEST, landing, 1.0))

    outcomes = all_at_once([take(landing) for landing in range(1, 5)])
    assert outcomes.count(None) == 1
    assert outcomes.count(SlotTaken) == 3


def test_increments_are_not_lost(engine: sa.Engine) -> None:
    """Read, add one, write, from four threads: every addition counts, since no two transactions overlap."""
    store = EngineStore(engine)
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))

    def increment(tx: Tx) -> None:
        gate = tx.gates.get("shop")
        assert gate is not None
        tx.gates.update(Gate("shop", epoch=gate.epoch + 1, version=gate.version))

    def ten() -> None:
        for _ in range(10):
            store.transact_now(increment)

    all_at_once([ten] * 4)
    gate = store.transact_now(lambda tx: tx.gates.get("shop"))
    assert gate is not None
    assert (gate.epoch, gate.version) == (40, 40)


def test_stale_version_lets_one_writer_through(engine: sa.Engine) -> None:
    """Threads that all write what they read before: one wins, the others get StaleVersion."""
    store = EngineStore(engine)
    gate = store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    outcomes = all_at_once([lambda: store.transact_now(lambda tx: tx.gates.update(gate))] * 3)
    assert outcomes.count(StaleVersion) == 2


def test_every_test_is_claimed_once(engine: sa.Engine) -> None:
    """Four workers empty a queue at once: each test goes to exactly one of them."""
    store = EngineStore(engine)
    run = store.transact_now(lambda tx: tx.runs.create("k", "shop", None, "gate", "abc", 0.0))
    planned = [PlannedTest(f"t{number}", rank=number % 7) for number in range(60)]
    store.transact_now(lambda tx: tx.runs.plan(run.id, planned, {}, None, 0.0))

    def three(tx: Tx, name: str) -> tuple[PlannedTest, ...]:
        ready = tx.runs.look(run.id, Window(10)).ready
        return tx.runs.take(run.id, name, [test.nid for test in ready[:3]], 1.0, 9.0)

    def work(name: str) -> list[str]:
        mine: list[str] = []
        while taken := store.transact_now(lambda tx: three(tx, name)):
            mine += [test.nid for test in taken]
            results = [TestResult(test.nid, "passed", 0.1) for test in taken]
            store.transact_now(lambda tx: tx.runs.report(run.id, name, results, 2.0))  # noqa: B023 - runs at once
        return mine

    outcomes = all_at_once([lambda name=name: work(name) for name in ("w1", "w2", "w3", "w4")])
    claimed = [nid for outcome in outcomes for nid in outcome]  # type: ignore[attr-defined]
    assert sorted(claimed) == sorted(test.nid for test in planned)
    assert store.transact_now(lambda tx: tx.runs.counts(run.id)).done == 60


@pytest.mark.parametrize("error", [ValueError, SlotTaken])
def test_raising_rolls_back(engine: sa.Engine, error: type[Exception]) -> None:
    """What a transaction wrote before it raised is not there afterwards, and the exception arrives as it was."""
    store = EngineStore(engine)

    def fails(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        raise error("no")

    with pytest.raises(error, match="no"):
        store.transact_now(fails)
    assert store.transact_now(lambda tx: tx.gates.all()) == ()
