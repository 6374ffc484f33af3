# SPDX-License-Identifier: GPL-2.0-only
"""Why each landing waits, since when, and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.landing.admission import blind
from buildbot_cd.core.landing.moves import HELD, Policy
from buildbot_cd.core.landing.spans import Usual
from buildbot_cd.core.landing.values import EffectKind, Gate, Intent, Landing, Mode, Slot, Snapshot, State
from buildbot_cd.core.landing.waiting import Waiting, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = 10_000.0
STEADY = Usual(test=(100.0,) * 5, deploy=(50.0,) * 5, revert=(20.0,) * 5)
POLICY = Policy()


def landing(ident: int, state: State = State.QUEUED, **more: Any) -> Landing:
    """A landing that came into its state ten seconds ago."""
    values = {"reason": "its reason", "since": NOW - 10.0, **more}
    return Landing(ident, "shop", "base", f"head{ident}", "ada@example.org", "subject", state, **values)


def look(
    landings: Sequence[Landing],
    slots: Mapping[Slot, int] | None = None,
    usual: Usual = STEADY,
    policy: Policy = POLICY,
    since: float = 10.0,
    **gate: Any,
) -> dict[int, Waiting]:
    """What each of these landings waits for; who is in a slot took it ``since`` seconds ago."""
    snapshot = Snapshot(Gate("shop", **gate), slots or {}, tuple(landings), {})
    held = {slot: (ident, NOW - since) for slot, ident in (slots or {}).items()}
    return waiting(snapshot, held, usual, policy, NOW)


def test_an_empty_gate_lets_the_first_in_now() -> None:
    """Nothing stands against it: its turn is now, and it is live after one test and one deployment."""
    found = look([landing(1)])[1]
    assert found.why == "first in the queue: it is let in now"
    assert (found.position, found.since, found.turn, found.eta) == (1, NOW - 10.0, (NOW, NOW), (NOW + 150, NOW + 150))


def test_who_could_not_look_at_trunk_says_so_until_a_look_was_answered() -> None:
    """A gate that sees no push is not free, however empty it is; only the newest look counts."""

    def gate(trunk: str | None, *results: dict[str, Any] | None) -> str:
        looks = [
            Intent(f"k{at}", "shop", None, EffectKind.OBSERVE, {}, 0, float(at), result=result)
            for at, result in enumerate(results)
        ]
        return blind(Snapshot(Gate("shop", trunk=trunk), {}, (), {one.key: one for one in looks}))

    assert gate(None) == gate(None, None) == "trunk has not been looked at yet"
    assert gate(None, {"error": "no key"}, None) == "trunk could not be looked at: no key"
    assert gate("c1", {"tip": "c1"}, {"error": "no line"}) == "trunk could not be looked at: no line"
    assert gate("c1", {"error": "no line"}, {"tip": "c1"}) == gate("c1", {"tip": "c1"}, None) == ""


def test_the_queue_waits_for_the_test_slot_and_for_each_other() -> None:
    """Each next one tests while the one before deploys, so it is live one test later: the stages overlap."""
    found = look([landing(1, State.TESTING), landing(2), landing(3)], {Slot.TEST: 1})
    assert found[1].position is None
    assert found[1].why == "its reason"
    assert found[2].why == "first in the queue: landing 1 holds the test slot (testing)"
    assert found[3].why == "number 2 in the queue: landing 1 holds the test slot (testing)"
    assert found[1].eta == (NOW + 140, NOW + 140)
    assert found[2].turn == (NOW + 90, NOW + 90)
    assert found[2].eta == (NOW + 240, NOW + 240)
    assert found[3].turn == (NOW + 190, NOW + 190)
    assert found[3].eta == (NOW + 340, NOW + 340)


def test_a_slow_deployment_holds_the_test_slot_up() -> None:
    """A passed landing stays in the test slot until the one before it is live: back-pressure shows in the times."""
    slow = Usual(test=(10.0,) * 5, deploy=(500.0,) * 5)
    found = look(
        [landing(1, State.DEPLOYING), landing(2, State.PASSED), landing(3)], {Slot.DEPLOY: 1, Slot.TEST: 2}, slow
    )
    assert found[1].eta == (NOW + 490, NOW + 490)
    assert found[2].why == "passed; landing 1 is still being deployed"
    assert found[2].eta == (NOW + 990, NOW + 990)
    assert found[3].turn == (NOW + 490, NOW + 490)
    assert found[3].eta == (NOW + 1490, NOW + 1490)


def test_a_frozen_gate_says_who_and_why_and_until_when() -> None:
    """With an end the turn comes after it; without one nobody can know."""
    closed = {"mode": Mode.CLOSED, "mode_by": "oscar", "mode_reason": "the database moves"}
    found = look([landing(1)], **closed, mode_until=NOW + 600)[1]
    assert found.why == "first in the queue: the gate is closed by oscar: the database moves"
    assert (found.until, found.turn) == (NOW + 600, (NOW + 600, NOW + 600))
    endless = look([landing(1)], **closed)[1]
    assert (endless.until, endless.turn, endless.eta) == (None, None, None)


def test_who_passes_a_freeze_does_not_wait_for_those_who_do_not() -> None:
    """An urgent landing has its turn now, and says nothing of the freeze; the others wait for its end."""
    landings = [landing(1), landing(2, priority=5)]
    found = look(landings, mode=Mode.CLOSED, mode_reason="x", min_priority=5, mode_until=NOW + 600)
    assert found[2].why == "first in the queue: it is let in now"
    assert (found[2].turn, found[2].until) == ((NOW, NOW), None)
    assert found[1].why == "number 2 in the queue: the gate is closed: x"
    assert (found[1].turn, found[1].until) == ((NOW + 600, NOW + 600), NOW + 600)
    inside = look([landing(1), landing(2, State.PASSED, priority=5)], {Slot.TEST: 2}, mode=Mode.CLOSED, min_priority=5)
    assert inside[2].eta == (NOW + 50, NOW + 50)


def test_a_landing_that_is_about_to_be_taken_back_says_so() -> None:
    """It is not in the queue any more, and holds the others up."""
    found = look([landing(1, revert_kind="dependent", reason="it needs landing 0"), landing(2)])
    assert found[1].why == "it is taken back as soon as the revert before it is through: it needs landing 0"
    assert (found[1].position, found[2].position) == (None, 1)
    assert found[2].why == "first in the queue: landing 1 is queued: it needs landing 0"
    assert found[2].turn is None


def test_a_freeze_keeps_a_passed_landing_and_a_drain_does_not() -> None:
    """Draining lets those inside go live; a freeze stops them before deployment."""
    inside = [landing(1, State.PASSED), landing(2)]
    frozen = look(inside, {Slot.TEST: 1}, mode=Mode.CLOSED, mode_reason="x")
    assert frozen[1].why == "passed; the gate is closed: x"
    assert frozen[1].eta is None
    drained = look(inside, {Slot.TEST: 1}, mode=Mode.DRAIN, mode_reason="x")
    assert drained[1].eta == (NOW + 50, NOW + 50)
    assert drained[2].eta is None


def test_a_held_landing_lets_others_pass() -> None:
    """Who holds it and why is its sentence; those behind it have their times all the same."""
    found = look([landing(1, not_before=HELD, reason="held by oscar: marketing"), landing(2)])
    assert found[1].why == "held by oscar: marketing"
    assert (found[1].until, found[1].turn, found[1].eta) == (None, None, None)
    assert found[2].turn == (NOW, NOW)


def test_while_something_is_taken_back_everybody_waits_for_that() -> None:
    """The turn comes when the revert is through, as long as reverts usually take."""
    found = look([landing(1, State.REVERTING), landing(2)], {Slot.TEST: 1})
    assert found[1].why == "its commits are being taken back: its reason"
    assert found[2].why == "first in the queue: landing 1 is reverting: its reason"
    assert found[2].turn == (NOW + 10, NOW + 10)


def test_nobody_can_know_behind_a_halted_landing() -> None:
    """A person has to look first."""
    found = look([landing(1, State.HALTED), landing(2)], {Slot.TEST: 1}, mode=Mode.HALTED, mode_reason="look")
    assert found[1].why == "a person has to look, then resume the gate: its reason"
    assert found[2].turn is None


@pytest.mark.parametrize("usual", [Usual(), Usual(test=(1.0,) * 4, deploy=(1.0,) * 4)])
def test_fewer_than_five_landings_teach_nothing(usual: Usual) -> None:
    """No estimate is given rather than a guess; the turn of the first is now all the same."""
    found = look([landing(1), landing(2)], usual=usual)
    assert found[1].turn == (NOW, NOW)
    assert (found[1].eta, found[2].turn, found[2].eta) == (None, None, None)


def test_a_stage_that_takes_longer_than_ever_has_no_end_in_sight() -> None:
    """What is left is told from those that took longer than it has taken; if none did, nothing is told."""
    mixed = replace(STEADY, test=(10.0, 20.0, 100.0, 200.0, 300.0))
    found = look([landing(1, State.TESTING)], {Slot.TEST: 1}, mixed, since=100.0)
    low, high = found[1].eta or (0.0, 0.0)
    assert low == NOW + 100 + 50
    assert NOW + 150 < high <= NOW + 200 + 50
    assert look([landing(1, State.TESTING)], {Slot.TEST: 1}, mixed, since=301.0)[1].eta is None


def test_a_landing_that_is_tried_again_says_when() -> None:
    """A hold for the surroundings has an end, and the test begins anew behind it."""
    found = look([landing(1, State.INFRA_HOLD, not_before=NOW + 30)], {Slot.TEST: 1})[1]
    assert (found.why, found.until) == ("it is tried again: its reason", NOW + 30)
    assert found.eta == (NOW + 180, NOW + 180)


def test_stages_that_are_not_configured_take_no_time() -> None:
    """A gate without deployment is through when the tests are."""
    found = look([landing(1)], usual=Usual(test=(100.0,) * 5), policy=Policy(deploys=False))[1]
    assert found.eta == (NOW + 100, NOW + 100)


def test_progress_stands_behind_the_sentence() -> None:
    """How far a stage is belongs to the reason."""
    one = landing(1, State.TESTING, reason="its checks run")
    snapshot = Snapshot(Gate("shop"), {Slot.TEST: 1}, (one,), {})
    found = waiting(snapshot, {}, STEADY, POLICY, NOW, {1: "3 of 7 tests done"})
    assert found[1].why == "its checks run: 3 of 7 tests done"


LENGTHS = st.lists(st.floats(0, 1000), min_size=5, max_size=9).map(lambda found: tuple(sorted(found)))


@given(LENGTHS, LENGTHS, st.floats(0, 500), st.sampled_from([State.TESTING, State.PASSED, State.CONFIRMING]))
def test_ranges_are_in_order_and_never_in_the_past(
    test: tuple[float, ...], deploy: tuple[float, ...], since: float, state: State
) -> None:
    """Whatever the stages took: the early end is not after the late one, nobody is live before his turn, and the queue
    keeps its order.
    """
    landings = [landing(1, State.DEPLOYING), landing(2, state), *(landing(ident) for ident in range(3, 7))]
    found = look(landings, {Slot.DEPLOY: 1, Slot.TEST: 2}, Usual(test, deploy), since=since)
    told = [one for one in found.values() if one.eta]
    for one in told:
        assert one.eta is not None
        assert NOW <= one.eta[0] <= one.eta[1]
        assert one.turn is None or (one.turn[0] <= one.turn[1] and one.turn[0] <= one.eta[0])
    for end in (0, 1):
        lives = [one.eta[end] for one in told if one.eta]
        assert lives == sorted(lives)
