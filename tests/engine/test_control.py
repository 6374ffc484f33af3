# SPDX-License-Identifier: GPL-2.0-only
"""People's orders: what they take, and that they act only on what the person saw."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.admission import queue
from buildbot_cd.core.landing.moves import EMERGENCY, Policy
from buildbot_cd.core.landing.values import Gate, Landing, Mode, Slot, State
from buildbot_cd.engine.apply import order
from buildbot_cd.engine.control import order_gate, order_landing, order_rollout
from buildbot_cd.engine.orders import ACTIONS, BadOrder, Order, OutOfDate, parse
from buildbot_cd.engine.promotion import promotable, promoted
from buildbot_cd.errors import ControlRefused
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Snapshot
    from buildbot_cd.store import Tx
    from buildbot_cd.store.rows import Rollout

NOW = 1000.0


class FakeEngine:
    """The part of the engine that orders need, on a memory store."""

    def __init__(self) -> None:
        self.store, self.policy, self.gate = MemoryStore(), Policy(), "shop"
        self.store.transact_now(lambda tx: tx.gates.create(Gate("shop", trunk="c0")))
        self.events = SimpleNamespace(rollout_changed=lambda _rollout: None, incident_changed=lambda _incident: None)

    def wake(self) -> None:
        """Nothing runs here."""

    def now(self) -> float:
        """Always the same moment."""
        return NOW

    async def order(self, rule: Callable[[Snapshot], Move | None], check: Callable[[Tx], None] | None = None) -> None:
        """As the real one, without its waking and telling."""
        await self.store.transact(order(self.gate, rule, NOW, check))

    def land(self, state: State, slot: Slot | None = None) -> int:
        """A landing in this state."""

        def add(tx: Tx) -> int:
            head = f"h{len(tx.landings.recent('shop', 99))}"
            made = tx.landings.add("shop", "b", head, "ada@example.org", "s", "m", 1.0)
            if state is not State.QUEUED:
                made = tx.landings.update(replace(made, state=state, since=2.0, candidate=head), "gate", "x", 2.0)
            if slot is not None:
                tx.slots.take("shop", slot, made.id, 2.0)
            return made.id

        return self.store.transact_now(add)

    def found(self, ident: int) -> Landing:
        """The landing now."""
        landing = self.store.read_now(lambda tx: tx.landings.get(ident))
        assert landing is not None
        return landing

    @property
    def row(self) -> Gate:
        """The gate now."""
        gate = self.store.read_now(lambda tx: tx.gates.get("shop"))
        assert gate is not None
        return gate


@pytest.fixture
def engine() -> Any:
    """A gate without landings."""
    return FakeEngine()


def run(coroutine: Any) -> None:
    """Carry out an order; the memory store never really waits."""
    asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("kind", "action", "params", "said"),
    [
        ("gate", "freeze", {}, "freeze needs a reason"),
        ("gate", "freeze", {"reason": "  \n "}, "freeze needs a reason"),
        ("gate", "freeze", {"reason": 7}, "reason must be a text, not 7"),
        ("gate", "freeze", {"reason": "x" * 1001}, "reason has 1001 characters; at most 1000 fit"),
        ("gate", "freeze", {"reason": "x", "until": "tomorrow"}, "until must be a moment"),
        ("gate", "freeze", {"reason": "x", "until": True}, "until must be a moment"),
        ("gate", "freeze", {"reason": "x", "until": float("nan")}, "until must be a moment"),
        ("gate", "freeze", {"reason": "x", "until": NOW - 60}, "until lies 60 seconds in the past"),
        ("gate", "halt", {"reason": "x", "until": NOW + 60}, "halt takes expect, reason, not 'until'"),
        (
            "gate",
            "freeze",
            {"reason": "x", "by": "the boss"},
            "freeze takes expect, min_priority, reason, until, not 'by'",
        ),
        ("gate", "freeze", {"reason": "x", "min_priority": "high"}, "min_priority must be a whole number"),
        ("gate", "freeze", {"reason": "x", "min_priority": -1}, "min_priority must be a whole number"),
        ("gate", "drain", {"reason": "x", "min_priority": 1}, "drain takes expect, reason, until, not 'min_priority'"),
        ("gate", "resume", {"expect": [1]}, "expect must be a version or a state"),
        ("gate", "resume", {"expect": True}, "expect must be a version or a state"),
        ("landing", "hold", {}, "hold needs a reason"),
        ("landing", "roll_back", {}, "roll_back needs a reason"),
        ("rollout", "roll_back", {"reason": ""}, "roll_back needs a reason"),
        ("rollout", "promote", {}, "promote needs a reason"),
        ("incident", "answer", {"text": "x"}, "why must be the number of a question, not None"),
        ("incident", "answer", {"text": "x", "why": True}, "why must be the number"),
        ("incident", "answer", {"why": 1}, "answer needs text, a text"),
        ("incident", "name_test", {"test": 5}, "name_test needs test, a text"),
        ("incident", "prove", {"test": "t"}, "prove takes expect, reason, not 'test'"),
    ],
)
def test_bad_parameters_are_named(kind: str, action: str, params: dict[str, Any], said: str) -> None:
    """The sentence says which parameter, and what it should be."""
    with pytest.raises(BadOrder) as caught:
        parse(kind, action, params, "ada", NOW)
    assert said in str(caught.value)


def test_a_reason_becomes_one_line() -> None:
    """Line breaks in it would break what shows it."""
    assert parse("gate", "freeze", {"reason": " the\n\tdatabase  moves "}, "ada", NOW).reason == "the database moves"


def test_actions_without_a_need_take_none() -> None:
    """Resuming, releasing and withdrawing need no reason."""
    for kind, action in (("gate", "resume"), ("landing", "release"), ("landing", "withdraw")):
        assert parse(kind, action, {}, "ada", NOW) == Order(action, "ada")


def test_a_freeze_is_set_and_resumed(engine: FakeEngine) -> None:
    """Who, why and until stand in the gate's row, and go with the freeze."""
    run(order_gate(engine, "shop", Order("freeze", "oscar", "the database moves", NOW + 60)))
    assert (engine.row.mode, engine.row.mode_by, engine.row.mode_until) == (Mode.CLOSED, "oscar", NOW + 60)
    run(order_gate(engine, "shop", Order("resume", "oscar")))
    assert (engine.row.mode, engine.row.mode_by, engine.row.mode_until) == (Mode.OPEN, "", None)


def test_a_freeze_of_a_halted_gate_comes_into_force_when_it_is_resumed(engine: FakeEngine) -> None:
    """A freeze with an end must not open by itself what waits for a person."""
    run(order_gate(engine, "shop", Order("halt", "oscar", "smoke")))
    run(order_gate(engine, "shop", Order("freeze", "eve", "x", NOW + 60, min_priority=5)))
    assert (engine.row.mode, engine.row.mode_by) == (Mode.HALTED, "oscar")
    run(order_gate(engine, "shop", Order("resume", "oscar", "looked")))
    assert (engine.row.mode, engine.row.mode_by, engine.row.min_priority) == (Mode.CLOSED, "eve", 5)
    run(order_gate(engine, "shop", Order("resume", "oscar")))
    assert engine.row.mode is Mode.OPEN


@pytest.mark.parametrize("expect", ["open", 1])
def test_a_stale_page_does_not_resume_a_gate(engine: FakeEngine, expect: str | int) -> None:
    """Neither by mode nor by version: nothing happens, and the sentence says how it is now."""
    run(order_gate(engine, "shop", Order("freeze", "oscar", "a")))
    before = engine.row
    run(order_gate(engine, "shop", Order("drain", "oscar", "b")))
    with pytest.raises(OutOfDate, match=r"gate shop is drain now \(version 2\), not .* as you saw it: look again"):
        run(order_gate(engine, "shop", Order("resume", "eve", expect=expect)))
    assert engine.row.version == before.version + 1


@pytest.mark.parametrize("expect", ["drain", 2, None])
def test_who_saw_what_is_there_may_act(engine: FakeEngine, expect: str | int | None) -> None:
    """The right mode, the right version, or no expectation at all."""
    run(order_gate(engine, "shop", Order("freeze", "oscar", "a")))
    run(order_gate(engine, "shop", Order("drain", "oscar", "b")))
    run(order_gate(engine, "shop", Order("resume", "eve", expect=expect)))
    assert engine.row.mode is Mode.OPEN


def test_a_queued_landing_is_held_and_released(engine: FakeEngine) -> None:
    """It stays queued all the time; a second release finds nothing to do."""
    ident = engine.land(State.QUEUED)
    run(order_landing(engine, ident, Order("hold", "ada", "marketing", expect="queued")))
    assert engine.found(ident).reason == "held by ada: marketing"
    run(order_landing(engine, ident, Order("release", "ada")))
    assert engine.found(ident).not_before is None
    with pytest.raises(ControlRefused, match="is not held"):
        run(order_landing(engine, ident, Order("release", "ada")))


def test_a_landing_that_has_moved_on_is_not_withdrawn_by_a_stale_page(engine: FakeEngine) -> None:
    """What the person saw as queued is in test by now."""
    ident = engine.land(State.TESTING, Slot.TEST)
    with pytest.raises(OutOfDate, match="landing 1 is testing now"):
        run(order_landing(engine, ident, Order("withdraw", "ada", expect="queued")))
    run(order_landing(engine, ident, Order("withdraw", "ada", expect="testing")))
    assert engine.found(ident).state is State.REVERTING


def test_a_landing_that_has_ended_takes_no_orders(engine: FakeEngine) -> None:
    """Live is live: the sentence says so."""
    ident = engine.land(State.LIVE)
    with pytest.raises(ControlRefused, match="landing 1 has ended"):
        run(order_landing(engine, ident, Order("roll_back", "oscar", "x")))


def rollout_of(engine: FakeEngine, landing: int | None, key: str = "k") -> int:
    """A rollout of this landing."""
    return engine.store.transact_now(lambda tx: tx.rollouts.create(key, "shop", landing, "r1", "h", 1, {}, 3.0)).id


@pytest.mark.parametrize("action", ["withdraw", "hold", "roll_back"])
def test_who_rides_with_another_landing_is_ordered_about_with_it(engine: FakeEngine, action: str) -> None:
    """The refusal names the landing that carries it, and how to take back one of several."""
    rider, carrier = engine.land(State.BYPASSED), engine.land(State.TESTING)
    riding = replace(engine.found(rider), cause=carrier)
    engine.store.transact_now(lambda tx: tx.landings.update(riding, "gate", "rides", 3.0))
    with pytest.raises(ControlRefused, match=f"rides with landing {carrier}.*push again what shall stay"):
        run(order_landing(engine, rider, Order(action, "ada", "x")))
    assert engine.found(carrier).state is State.TESTING


def test_a_rollout_is_rolled_back_by_its_landing(engine: FakeEngine) -> None:
    """The landing comes into rolling back, with who and why."""
    landing = engine.land(State.DEPLOYING, Slot.DEPLOY)
    rollout = rollout_of(engine, landing)
    with pytest.raises(OutOfDate, match="rollout 1 is staging now"):
        run(order_rollout(engine, rollout, Order("roll_back", "oscar", "x", expect="watching")))
    run(order_rollout(engine, rollout, Order("roll_back", "oscar", "buttons are blue", expect="staging")))
    assert engine.found(landing).state is State.ROLLING_BACK
    assert engine.found(landing).reason == "rolled back by oscar: buttons are blue"


def test_only_the_newest_rollout_of_a_landing_is_rolled_back(engine: FakeEngine) -> None:
    """A page that shows the one before cannot stop the one after."""
    landing = engine.land(State.DEPLOYING, Slot.DEPLOY)
    first, _ = rollout_of(engine, landing), rollout_of(engine, landing, "again")
    with pytest.raises(ControlRefused, match="rollout 1 is not the newest of landing 1"):
        run(order_rollout(engine, first, Order("roll_back", "oscar", "x")))
    alone = rollout_of(engine, None, "of nobody")
    with pytest.raises(ControlRefused, match="belongs to no landing"):
        run(order_rollout(engine, alone, Order("roll_back", "oscar", "x")))
    assert engine.store.read_now(lambda tx: tx.rollouts.get(first)).state is RolloutState.STAGING


def test_a_watch_is_ended_early_once_and_only_while_there_is_one(engine: FakeEngine) -> None:
    """The stage, who and why stand in the rollout's row; the next stage's watch is not touched by it."""
    rollout = rollout_of(engine, engine.land(State.DEPLOYING, Slot.DEPLOY))
    with pytest.raises(ControlRefused, match="is staging: only a watch can be ended early"):
        run(order_rollout(engine, rollout, Order("promote", "oscar", "x")))

    def watch(tx: Tx, stage: str) -> Rollout:
        known = tx.rollouts.get(rollout)
        assert known is not None
        return tx.rollouts.update(replace(known, state=RolloutState.WATCHING, stage=stage))

    watching = engine.store.transact_now(lambda tx: watch(tx, "canary"))
    with pytest.raises(OutOfDate):
        run(order_rollout(engine, rollout, Order("promote", "oscar", "x", expect=watching.version - 1)))
    run(order_rollout(engine, rollout, Order("promote", "oscar", "no traffic", expect=watching.version)))
    found = engine.store.read_now(lambda tx: tx.rollouts.get(rollout))
    assert found is not None
    assert (promoted(found, "canary"), promoted(found, "fleet")) == ("by oscar: no traffic", "")
    assert not promotable(found)
    with pytest.raises(ControlRefused, match="only a watch"):
        run(order_rollout(engine, rollout, Order("promote", "eve", "again")))
    assert promotable(engine.store.transact_now(lambda tx: watch(tx, "fleet")))


def test_a_landing_that_waits_is_put_into_the_fast_lane(engine: FakeEngine) -> None:
    """It goes before all that came earlier; one under test is not hurried, and nobody twice."""
    engine.land(State.QUEUED)
    late = engine.land(State.QUEUED)
    run(order_landing(engine, late, Order("emergency", "oscar", "checkout is down", expect=engine.found(late).version)))
    found = engine.found(late)
    assert (found.priority, found.emergency, found.reason) == (
        EMERGENCY,
        "checkout is down",
        "emergency, by oscar: checkout is down",
    )
    assert [one.id for one in queue(engine.store.read_now(lambda tx: tx.snapshot("shop")))] == [late, 1]
    with pytest.raises(ControlRefused, match="in the fast lane already"):
        run(order_landing(engine, late, Order("emergency", "oscar", "x")))
    busy = engine.land(State.TESTING, Slot.TEST)
    with pytest.raises(ControlRefused, match="only one that waits can be hurried"):
        run(order_landing(engine, busy, Order("emergency", "oscar", "x")))


def test_every_action_is_one_that_the_rules_know() -> None:
    """Each takes its way through a rule; a name without one would fail only when somebody needs it."""
    for action, takes in ACTIONS["gate"].items():
        made = FakeEngine()
        names = dict.fromkeys(takes.more, "t::a")
        try:
            run(order_gate(made, "shop", Order(action, "oscar", "x", more=names)))  # type: ignore[arg-type]
        except ControlRefused as refused:
            assert str(refused)[:13] in ("t::a is not i", "trunk was not")  # noqa: PT017 - the rule's own answer
        assert made.row.version == (0 if names or action == "adopt" else 1)
    for action in ACTIONS["landing"]:
        made = FakeEngine()
        ident = made.land(State.QUEUED)
        try:
            run(order_landing(made, ident, Order(action, "oscar", "x")))  # type: ignore[arg-type]
        except ControlRefused as refused:
            assert "landing 1" in str(refused)  # noqa: PT017 - refused by the rule is what a queued one may be


def test_an_answer_may_be_as_long_as_an_incident_takes_it() -> None:
    """A reason is shown to all who wait and is short; what let something happen may need more words."""
    text = "x" * 1500
    order = parse("incident", "answer", {"why": 1, "text": text}, "oscar", 0.0)
    assert order.more == {"why": 1, "text": text}
    with pytest.raises(BadOrder, match="at most"):
        parse("gate", "end_quarantine", {"test": "x" * 5000}, "oscar", 0.0)
