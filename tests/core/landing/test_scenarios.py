# SPDX-License-Identifier: GPL-2.0-only
"""What the search found, and what a team asks first, each as one story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.trust import Reverts
from buildbot_cd.core.landing.values import EffectKind, IntentState, Mode, Slot, State
from buildbot_cd.engine.trust import call_wrong
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.testing.simulation.work import Build
    from buildbot_cd.testing.simulation.world import World

HURRY = People({"ann@x": "ann"}, frozenset(), frozenset({"ann"}))


def push(world: World, engineer: str, path: str, *, kind: str = "good") -> str:
    """A push that the gate has taken in; its commit."""
    sha = world.repo.push(engineer, {path: ""}).sha
    {"broken": world.truth.broken, "harmful": world.truth.harmful}.get(kind, set()).add(sha)
    take_in(world)
    return sha


def take_in(world: World) -> None:
    """A look at trunk comes to its end, and nothing else happens."""
    world.now += 1
    world.look()
    reconcile(world)
    world.settle_looks()
    reconcile(world)


def reconcile(world: World) -> None:
    """The master does all that it can do now."""
    for _ in range(3):
        for master in world.masters:
            while not master.forward(1):
                pass


def build(world: World, kind: EffectKind) -> Build:
    """The running build for an effect of this kind."""
    return next(one for one in world.running if world.view.intents[one.key].kind is kind)


def finish(world: World, kind: EffectKind, fault: str = "") -> None:
    """That build does its work and reports."""
    found = build(world, kind)
    while not found.complete:
        world.work(found, fault)
    reconcile(world)


def check(world: World, fault: str = "") -> None:
    """The check run that goes on ends."""
    for run in world.checking:
        world.check(run, fault)
    reconcile(world)


def state(world: World, head: str) -> State:
    """Where the landing with this head stands."""
    return landing(world, head).state


def landing(world: World, head: str) -> Landing:
    """The landing with this head."""
    return next(one for one in world.view.landings.values() if one.head == head)


def test_the_next_tests_while_the_one_before_deploys(world: World) -> None:
    """Entering deployment frees the test slot in the same step; passed too early, the next one waits in it."""
    first, second = push(world, "ann@x", "a"), push(world, "bob@x", "b")
    check(world)
    assert (state(world, first), state(world, second)) == (State.DEPLOYING, State.TESTING)
    check(world)
    assert state(world, second) is State.PASSED
    assert world.view.slots == {Slot.DEPLOY: landing(world, first).id, Slot.TEST: landing(world, second).id}
    finish(world, EffectKind.ROLLOUT)
    assert (state(world, first), state(world, second)) == (State.LIVE, State.DEPLOYING)


@pytest.mark.parametrize("upto", ["testing", "confirming", "infra_hold", "passed", "held"])
def test_production_fails_while_the_next_is_in_the_test_stage(world: World, upto: str) -> None:
    """Wherever the next one stands, it is tested anew without the failed one, uncounted, and a person's hold stays."""
    push(world, "ann@x", "a", kind="harmful")
    second = push(world, "bob@x", "b", kind="broken" if upto == "confirming" else "good")
    check(world)
    if upto != "testing":
        check(world, "infra" if upto == "infra_hold" else "")
    if upto == "held":
        ident = landing(world, second).id
        world.order(lambda now: control.hold(now.landing(ident), "bob", "wait for the campaign"))  # type: ignore[arg-type]
    else:
        assert state(world, second) == upto
    finish(world, EffectKind.ROLLOUT)
    fresh = landing(world, second)
    stopped = [one.state for one in world.view.intents.values() if one.landing == fresh.id and "/checks/" in one.key]
    assert stopped == [IntentState.DROPPED if upto == "testing" else IntentState.DONE]
    assert (fresh.state, fresh.attempt, fresh.candidate, fresh.infra_attempts) == (State.QUEUED, 2, None, 0)
    assert (fresh.not_before is not None) == (upto == "held")
    finish(world, EffectKind.ROLLBACK)
    finish(world, EffectKind.REVERT)
    take_in(world)
    assert world.production == "root"
    assert world.view.gate.tested == "root"
    assert state(world, second) == (State.QUEUED if upto == "held" else State.PREPARING)


def test_an_evicted_landing_frees_the_test_slot(world: World) -> None:
    """A landing that another one's withdrawal takes along may hold the slot: the gate must not wait for it for ever."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    below, above = push(world, "ann@x", "a"), push(world, "bob@x", "a")
    ident = landing(world, below).id
    world.order(lambda now: control.hold(now.landing(ident), "ann", "later"))  # type: ignore[arg-type]
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    reconcile(world)
    assert world.view.slots == {Slot.TEST: landing(world, above).id}
    world.order(lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now))  # type: ignore[arg-type]
    reconcile(world)
    finish(world, EffectKind.REVERT)
    gone = landing(world, above)
    assert (gone.state, gone.cause, gone.revert_kind) == (State.REVERTED, ident, "dependent")
    assert world.view.slots == {}


def test_one_landing_is_taken_back_at_a_time(world: World) -> None:
    """A failure that is confirmed while another landing is being withdrawn waits for that."""
    bad, other = push(world, "ann@x", "a", kind="broken"), push(world, "bob@x", "b")
    check(world)
    ident = landing(world, other).id
    world.order(lambda now: control.withdraw(now, now.landing(ident), "bob", world.policy, world.now))  # type: ignore[arg-type]
    check(world)
    assert (state(world, other), state(world, bad)) == (State.REVERTING, State.CONFIRMING)
    finish(world, EffectKind.REVERT)
    assert (state(world, other), state(world, bad)) == (State.REVERTED, State.REVERTING)


@pytest.mark.parametrize("world", [{"people": HURRY, "preempt": True}], indirect=True, ids=[""])
def test_a_passed_landing_makes_no_room_for_an_emergency(world: World) -> None:
    """It waits for the deploy slot only, and would be tested in vain."""
    push(world, "bob@x", "a")
    check(world)
    passed = push(world, "bob@x", "b")
    check(world)
    sha = world.repo.push("ann@x", {"c": ""}).sha
    world.hook(Push(passed, sha, "ann@x", {"cd.emergency": "INC-7"}))
    take_in(world)
    assert (state(world, passed), state(world, sha)) == (State.PASSED, State.QUEUED)


def test_a_push_that_comes_with_the_revert_and_needs_what_it_takes_back(world: World) -> None:
    """A commit that nobody has seen when the revert is made, and that does not stand without it, is a landing that has
    ended: it is never tested as if it were on trunk.
    """
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    late = world.repo.push("bob@x", {"a": ""}).sha
    other = world.repo.push("bob@x", {"b": ""}).sha
    finish(world, EffectKind.REVERT)
    take_in(world)
    gone = landing(world, late)
    assert (gone.state, gone.cause, gone.engineer) == (State.REVERTED, landing(world, bad).id, "bob@x")
    assert landing(world, other).base == late
    assert state(world, other) in (State.PREPARING, State.TESTING)


def test_a_half_evicted_landing_is_taken_back_whole(world: World) -> None:
    """A push of two commits that came meanwhile, of which one went with the revert, loses the other one too."""
    push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    world.repo.push("bob@x", {"a": ""})
    head = world.repo.push("bob@x", {"b": ""}).sha
    take_in(world)
    finish(world, EffectKind.REVERT)
    assert state(world, head) is State.REVERTING
    finish(world, EffectKind.REVERT)
    assert state(world, head) is State.REVERTED
    assert world.repo.tree(world.repo.trunk) == world.repo.tree("root")


def test_a_master_dies_between_the_revert_and_its_answer(world: World) -> None:
    """Trunk shows the revert before its answer is known: it is no engineer's landing, and it is pushed once."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    reverting = build(world, EffectKind.REVERT)
    world.work(reverting)
    world.work(reverting)  # pushed, not told
    world.die(reverting, again=True)
    take_in(world)
    assert [one.head for one in world.view.landings.values()] == [bad]
    finish(world, EffectKind.REVERT)
    take_in(world)
    assert state(world, bad) is State.REVERTED
    assert [sha for sha in world.repo.line(world.repo.trunk) if world.repo[sha].ours] == [world.repo.trunk]
    assert [one.head for one in world.view.landings.values()] == [bad]


def test_a_lost_answer_of_a_revert_is_asked_for_again_and_then_people_are(world: World) -> None:
    """A git worker that dies is no reason to stop the gate; one that dies again and again is."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    for _ in range(world.policy.infra_attempts + 1):
        assert state(world, bad) is State.REVERTING
        world.die(build(world, EffectKind.REVERT), again=False)
        reconcile(world)
        world.now += 700
        reconcile(world)
    assert (state(world, bad), world.view.gate.mode) == (State.HALTED, Mode.HALTED)
    assert (landing(world, bad).id, "halted") in world.notices


def test_observations_out_of_order_take_nothing_in_twice(world: World) -> None:
    """An older look that ends after a newer one changes nothing, though it groups the commits otherwise."""
    first = world.repo.push("ann@x", {"a": ""}).sha
    world.now += 1
    world.look()
    reconcile(world)
    old = build(world, EffectKind.OBSERVE)
    world.work(old)
    world.work(old)  # has seen the first commit
    second = world.repo.push("ann@x", {"b": ""}).sha
    world.now += 1
    world.look()
    reconcile(world)
    for one in list(world.running):
        while one is not old and not one.complete:
            world.work(one)
    world.work(old)
    reconcile(world)
    assert [(one.base, one.head) for one in world.view.landings.values()] == [("root", second)]
    assert world.view.gate.trunk == second
    assert first in world.repo.steps("root", second)


def test_a_freeze_outlives_a_halt(world: World) -> None:
    """A halt in a frozen gate keeps the freeze, with its reason and its end; resuming brings it back until then."""
    until = world.now + 5000
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "the sale", until, 500))
    world.order(lambda now: control.set_mode(now, Mode.HALTED, "ada", "trunk looks odd", None))
    world.order(lambda now: control.resume(now, "ada", "looked", world.now))
    gate = world.view.gate
    assert (gate.mode, gate.mode_reason, gate.mode_until, gate.min_priority) == (Mode.CLOSED, "the sale", until, 500)
    world.order(lambda now: control.set_mode(now, Mode.HALTED, "ada", "again", None))
    world.now = until
    world.order(lambda now: control.resume(now, "ada", "looked", world.now))
    assert world.view.gate.mode is Mode.OPEN


def test_a_halted_gate_reverts_nothing_until_it_is_resumed(world: World) -> None:
    """The halt is the switch that stops reverts: a failure that is confirmed meanwhile waits for it."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    world.order(lambda now: control.set_mode(now, Mode.HALTED, "ops", "looking at the runner", None))
    check(world)
    assert state(world, bad) is State.CONFIRMING
    world.order(lambda now: control.resume(now, "ops", "it is well", world.now))
    reconcile(world)
    assert state(world, bad) is State.REVERTING


@pytest.mark.parametrize("world", [{"reverts_per_engineer": 1}], indirect=True, ids=[""])
def test_the_cap_of_one_engineer_does_not_count_for_another(world: World) -> None:
    """A second revert of the same engineer within the hour halts the gate; another engineer's would not."""
    for engineer, expected in (("ann@x", State.REVERTING), ("bob@x", State.REVERTING), ("ann@x", State.HALTED)):
        bad = push(world, engineer, "a", kind="broken")
        check(world)
        check(world)
        assert state(world, bad) is expected
        if expected is State.REVERTING:
            finish(world, EffectKind.REVERT)
            take_in(world)
    assert "gate.reverts.per_engineer is 1" in world.view.gate.mode_reason


@pytest.mark.parametrize("world", [{"people": HURRY, "preempt": True}], indirect=True, ids=[""])
@pytest.mark.parametrize("hook_first", [True, False])
def test_an_emergency_takes_the_test_slot_but_nothing_more(world: World, hook_first: bool) -> None:
    """It is tested like every landing, passes a freeze for its priority, and who made room comes next, uncounted."""
    victim = push(world, "bob@x", "a")
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "the sale", None, 1000))
    sha = world.repo.push("bob@x", {"b": ""}).sha
    told = Push(victim, sha, "ann@x", {"cd.emergency": "INC-7"})
    if hook_first:
        world.hook(told)
        take_in(world)
    else:
        take_in(world)
        world.hook(told)
        reconcile(world)
    urgent = landing(world, sha)
    assert (urgent.priority, urgent.emergency, urgent.state) == (1000, "INC-7", State.PREPARING)
    assert (state(world, victim), landing(world, victim).attempt) == (State.QUEUED, 2)
    finish(world, EffectKind.CANDIDATE)
    assert state(world, sha) is State.TESTING
    check(world)
    assert state(world, sha) is State.DEPLOYING
    assert state(world, victim) is State.QUEUED


@pytest.mark.parametrize("world", [{"people": HURRY}], indirect=True, ids=[""])
@pytest.mark.parametrize("who", ["bob@x", ""])
def test_the_fast_lane_is_for_those_who_may_by_the_servers_word(world: World, who: str) -> None:
    """A push option of somebody else has no effect, whatever name its commits carry."""
    sha = world.repo.push("ann@x", {"a": ""}).sha
    world.hook(Push("root", sha, who, {"cd.emergency": "INC-7"}))
    take_in(world)
    assert (landing(world, sha).priority, landing(world, sha).emergency) == (0, "")


def test_the_same_patch_is_refused_with_what_failed_unless_a_reason_is_given(world: World) -> None:
    """A re-land is linked to its first try; without new content it is taken back untested and outside the caps."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    finish(world, EffectKind.REVERT)
    take_in(world)
    first = landing(world, bad)
    world.push_again("ann@x", first, "")
    take_in(world)
    again = landing(world, str(world.view.gate.trunk))
    assert (again.relands, again.state, again.revert_kind) == (first.id, State.REVERTING, "reland")
    assert "test_a" in again.reason
    assert "CD-Retry-Reason" in again.reason
    finish(world, EffectKind.REVERT)
    take_in(world)
    world.push_again("ann@x", first, "the runner was broken")
    take_in(world)
    third = landing(world, str(world.view.gate.trunk))
    assert (third.relands, third.state) == (again.id, State.TESTING)


def test_a_change_undone_by_hand_does_not_come_back(world: World) -> None:
    """When people undo a bad change before the gate does, later replays know of it all the same."""
    bad = push(world, "ann@x", "a", kind="broken")
    world.repo.push("bob@x", {"a": "root"})
    world.settle()
    assert state(world, bad) is State.REVERTED
    push(world, "ann@x", "b", kind="broken")
    world.settle()
    assert world.repo.tree(world.repo.trunk) == world.repo.tree("root")


def test_a_flake_is_noted_whatever_the_verdict_is(world: World) -> None:
    """One test passed on another worker, one did not: the change is taken back, and the first test has flaked."""
    world.repo.push("ann@x", {"b": ""})
    bad = world.repo.push("ann@x", {"c": ""}).sha
    world.truth.broken.add(bad)
    take_in(world)
    check(world, "flaky")
    assert landing(world, bad).failing == ("test_a", "test_c")
    check(world)
    assert (state(world, bad), landing(world, bad).failing) == (State.REVERTING, ("test_c",))
    flakes = world.store.transact_now(lambda tx: tx.trust.flakes("trunk", 0.0))
    assert [(one.test, one.flakes) for one in flakes] == [("test_a", 1)]


def test_a_revert_that_people_call_wrong_may_come_again(world: World) -> None:
    """The same patch is tested anew, and the mistake counts in the gate's own figure."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    finish(world, EffectKind.REVERT)
    take_in(world)
    first = landing(world, bad)
    world.store.transact_now(call_wrong("trunk", first.id, "bob", "the runner was broken", world.now))
    world.push_again("ann@x", first, "")
    take_in(world)
    again = landing(world, str(world.view.gate.trunk))
    assert (again.relands, again.state) == (first.id, State.TESTING)
    assert world.store.transact_now(lambda tx: tx.trust.reverts("trunk", 0.0)) == Reverts(1, 1)


def test_only_the_gates_own_judgement_can_be_called_wrong(world: World) -> None:
    """A landing that was withdrawn, or not reverted, was not judged."""
    head = push(world, "ann@x", "a")
    ident = landing(world, head).id
    with pytest.raises(ControlRefused, match="only a landing that was taken back"):
        world.store.transact_now(call_wrong("trunk", ident, "bob", "no", world.now))
    world.order(lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now))  # type: ignore[arg-type]
    reconcile(world)
    finish(world, EffectKind.REVERT)
    with pytest.raises(ControlRefused, match="taken back as withdraw"):
        world.store.transact_now(call_wrong("trunk", ident, "bob", "no", world.now))
