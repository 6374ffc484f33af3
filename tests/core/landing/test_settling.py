# SPDX-License-Identifier: GPL-2.0-only
"""The whole fleet is watched on while the next landing is deployed: who is live when, and who is taken back."""

from __future__ import annotations

import pytest

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.values import EffectKind, IntentState, Mode, Slot, State
from buildbot_cd.testing.simulation.world import World
from tests.core.landing.test_scenarios import check, finish, landing, push, reconcile, state, take_in

pytestmark = pytest.mark.parametrize("world", [{"settle": 600.0, "infra_attempts": 1}], indirect=True, ids=[""])


def settled(world: World, path: str, engineer: str = "ann@x") -> str:
    """A landing that is on the whole fleet and is watched on."""
    head = push(world, engineer, path)
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert state(world, head) is State.SETTLING
    return head


def effect(world: World, head: str, kind: EffectKind) -> IntentState:
    """How far the newest effect of that kind of the landing is."""
    ident = landing(world, head).id
    return [one for one in world.view.intents.values() if one.landing == ident and one.kind is kind][-1].state


def test_the_deploy_slot_is_free_while_the_fleet_is_watched_on(world: World) -> None:
    """The next landing is deployed meanwhile; what is live follows when the watch is through."""
    first = settled(world, "a")
    assert world.view.slots == {}
    assert world.view.gate.live == "root"
    second = push(world, "bob@x", "b")
    check(world)
    assert state(world, second) is State.DEPLOYING
    (order,) = [one for one in world.view.intents.values() if one.kind is EffectKind.ROLLOUT and one.result is None]
    assert order.payload["live"] == landing(world, first).candidate  # what its hosts carry, and go back to
    finish(world, EffectKind.WATCH)
    assert (state(world, first), world.view.gate.live) == (State.LIVE, landing(world, first).candidate)
    finish(world, EffectKind.ROLLOUT)
    finish(world, EffectKind.WATCH)
    assert state(world, second) is State.LIVE
    assert world.view.gate.live == world.view.gate.tested


def test_a_landing_that_the_next_one_has_replaced_everywhere_is_live(world: World) -> None:
    """No host carries it alone any more: its watch ends, and the next one settles."""
    first = settled(world, "a")
    second = push(world, "bob@x", "b")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert (state(world, first), state(world, second)) == (State.LIVE, State.SETTLING)
    assert effect(world, first, EffectKind.WATCH) is IntentState.DROPPED
    assert world.view.gate.live == landing(world, first).candidate


def test_a_late_regression_takes_the_newer_release_off_the_hosts_too(world: World) -> None:
    """Both leave the hosts in one switch; only the one that failed is reverted, the newer one is tested anew."""
    first = settled(world, "a")
    world.truth.leaky.add(first)
    second = push(world, "bob@x", "b")
    check(world)
    third = push(world, "cid@x", "c")
    finish(world, EffectKind.WATCH)
    assert [state(world, one) for one in (first, second, third)] == [State.ROLLING_BACK, State.QUEUED, State.QUEUED]
    assert world.view.slots == {Slot.DEPLOY: landing(world, first).id}
    assert effect(world, second, EffectKind.ROLLOUT) is IntentState.DROPPED
    assert world.view.gate.tested == world.view.gate.live == "root"
    (order,) = [one for one in world.view.intents.values() if one.kind is EffectKind.ROLLBACK]
    assert order.payload["over"] == [landing(world, second).id]
    finish(world, EffectKind.ROLLBACK)
    finish(world, EffectKind.REVERT)
    take_in(world)
    assert state(world, first) is State.REVERTED
    world.settle()
    assert [landing(world, one).state for one in (second, third)] == [State.LIVE, State.LIVE]
    assert landing(world, second).failing == ()
    assert first not in world.repo.tree(world.production).values()


def test_a_canary_that_fails_goes_back_to_the_release_that_settles(world: World) -> None:
    """The older landing keeps its hosts and its watch; only the newer one is reverted."""
    first = settled(world, "a")
    second = push(world, "bob@x", "b", kind="harmful")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert (state(world, first), state(world, second)) == (State.SETTLING, State.ROLLING_BACK)
    assert world.view.gate.tested == landing(world, first).candidate
    finish(world, EffectKind.ROLLBACK)
    assert world.production == landing(world, first).candidate
    finish(world, EffectKind.REVERT)
    assert state(world, second) is State.REVERTED
    finish(world, EffectKind.WATCH)
    assert state(world, first) is State.LIVE


def told(world: World, head: str) -> list[str]:
    """What its engineer was told of the landing, in order."""
    ident = landing(world, head).id
    return [what for owner, what in world.notices if owner == ident]


def test_a_rollback_is_told_once_when_the_hosts_are_back(world: World) -> None:
    """Not while a host is still away, and before the revert is told."""
    head = push(world, "ann@x", "a", kind="harmful")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    finish(world, EffectKind.ROLLBACK, "a host is away")
    assert "rolled_back" not in told(world, head)
    world.settle()
    assert told(world, head)[-2:] == ["rolled_back", "reverted"]
    assert told(world, head).count("rolled_back") == 1


def test_a_rollback_is_told_though_the_gate_waits_for_a_person_with_the_revert(world: World) -> None:
    """What is true of production does not wait for trunk; and it is not told again when the gate goes on."""
    head = push(world, "ann@x", "a", kind="harmful")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    world.order(lambda snapshot: control.set_mode(snapshot, Mode.HALTED, "ops", "look first", None))
    finish(world, EffectKind.ROLLBACK)
    assert (state(world, head), told(world, head)[-1]) == (State.ROLLING_BACK, "rolled_back")
    world.order(lambda snapshot: control.resume(snapshot, "ops", "seen", world.now))
    world.settle()
    assert told(world, head)[-2:] == ["rolled_back", "reverted"]


def test_both_fail_while_the_newer_one_s_hosts_are_still_going_back(world: World) -> None:
    """A host that hangs on the newer release does not keep the older one in production: one order takes both away,
    and both are reverted, the older one first.
    """
    first = settled(world, "a")
    world.truth.leaky.add(first)
    second = push(world, "bob@x", "b", kind="harmful")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    finish(world, EffectKind.ROLLBACK, "a host is away")
    finish(world, EffectKind.WATCH)
    assert (state(world, first), state(world, second)) == (State.ROLLING_BACK, State.QUEUED)
    assert landing(world, second).revert_kind == "deploy"
    assert effect(world, second, EffectKind.ROLLBACK) is IntentState.DROPPED
    finish(world, EffectKind.ROLLBACK)
    assert (state(world, first), state(world, second)) == (State.REVERTING, State.QUEUED)
    world.settle()
    assert (state(world, first), state(world, second)) == (State.REVERTED, State.REVERTED)
    assert world.repo.tree(world.production) == world.repo.tree(world.repo.trunk) == world.repo.tree("root")


def test_metrics_that_stay_away_never_take_a_release_back(world: World) -> None:
    """The watch is tried again, then a person is asked; once they have resumed the gate, the landing is live."""
    first = settled(world, "a")
    for _ in range(3):
        finish(world, EffectKind.WATCH, "outage")
        world.now += 700
        reconcile(world)
    assert (state(world, first), world.view.gate.mode) == (State.SETTLING, Mode.HALTED)
    assert "cannot be watched" in world.view.gate.mode_reason
    world.order(lambda now: control.resume(now, "ops", "the metrics are being mended", world.now))
    finish(world, EffectKind.WATCH, "outage")
    assert state(world, first) is State.LIVE
    assert "not watched to the end" in landing(world, first).reason


def test_a_person_rolls_a_settling_landing_back(world: World) -> None:
    """What the metrics do not show, a person may."""
    first = settled(world, "a")
    ident = landing(world, first).id
    assert not world.order(lambda now: control.roll_back(now, now.landing(ident), "ops", "wrong prices", world.now))  # type: ignore[arg-type]
    reconcile(world)
    finish(world, EffectKind.ROLLBACK)
    finish(world, EffectKind.REVERT)
    assert state(world, first) is State.REVERTED
    assert world.production == "root"
