# SPDX-License-Identifier: GPL-2.0-only
"""One engineer's pushes that stand directly one on the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.values import EffectKind, Mode, State
from tests.core.landing.test_scenarios import check, finish, landing, push, state, take_in

if TYPE_CHECKING:
    from buildbot_cd.testing.simulation.world import World


def fail(world: World) -> None:
    """What is in test fails twice, and is taken back."""
    check(world)
    check(world)
    finish(world, EffectKind.REVERT)


def test_a_later_push_of_the_same_engineer_goes_along(world: World) -> None:
    """Though it would replay: most often it mends the first. The cause is named, and others' pushes stay."""
    first = push(world, "ann@x", "a", kind="broken")
    fix, other, late = push(world, "ann@x", "b"), push(world, "bob@x", "c"), push(world, "ann@x", "d")
    fail(world)
    assert [state(world, one) for one in (first, fix)] == [State.REVERTED, State.REVERTED]
    gone = landing(world, fix)
    assert (gone.cause, gone.revert_kind, gone.revert) == (
        landing(world, first).id,
        "dependent",
        landing(world, first).revert,
    )
    assert "pushed on top of landing 1 by the same engineer" in gone.reason
    assert fix not in world.repo.tree(world.repo.trunk).values()
    assert {other, late} <= set(world.repo.tree(world.repo.trunk).values())
    take_in(world)
    assert [state(world, one) for one in (other, late)] == [State.PREPARING, State.QUEUED]


@pytest.mark.parametrize("world", [{"followers": False}], indirect=True, ids=[""])
def test_a_team_may_have_each_push_judged_alone(world: World) -> None:
    """Then the second is tested without the first."""
    push(world, "ann@x", "a", kind="broken")
    second = push(world, "ann@x", "b")
    fail(world)
    take_in(world)
    assert state(world, second) is State.PREPARING


def test_a_withdrawal_takes_nothing_along(world: World) -> None:
    """It is about what it names."""
    first, second = push(world, "ann@x", "a"), push(world, "ann@x", "b")
    ident = landing(world, first).id
    world.order(lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now))  # type: ignore[arg-type]
    take_in(world)
    finish(world, EffectKind.REVERT)
    take_in(world)
    assert [state(world, one) for one in (first, second)] == [State.REVERTED, State.PREPARING]


def test_nothing_goes_along_in_shadow(world: World) -> None:
    """Where nothing is taken back, the later push is judged for itself."""
    world.policy = replace(world.policy, shadow=True, deploys=False)
    push(world, "ann@x", "a", kind="broken")
    second = push(world, "ann@x", "b")
    fail(world)
    assert state(world, second) is not State.REVERTED
    world.rewritten = True  # S13 speaks of reverts that were pushed


@pytest.mark.parametrize("world", [{"together": 3}], indirect=True, ids=[""])
def test_pushes_of_one_engineer_ride_together(world: World) -> None:
    """The newest carries the others' commits and messages, is tested once, and all go live with it."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    one, two, three, four = (push(world, "ann@x", path) for path in "abcd")
    other = push(world, "bob@x", "e")
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    take_in(world)
    assert [state(world, head) for head in (one, two)] == [State.BYPASSED, State.BYPASSED]
    carrier = landing(world, three)
    assert (carrier.state, carrier.base, carrier.candidate, carrier.patch) == (State.TESTING, "root", three, "")
    assert landing(world, one).reason == f"it rides with landing {carrier.id} of the same engineer"
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert [state(world, head) for head in (three, four, other)] == [State.LIVE, State.TESTING, State.QUEUED]
    assert {one, two, three} <= set(world.repo.tree(world.production).values())


@pytest.mark.parametrize("world", [{"together": 9}], indirect=True, ids=[""])
def test_what_rides_together_is_taken_back_together(world: World) -> None:
    """One revert names all their commits, also where only the first was wrong."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    one, two = push(world, "ann@x", "a", kind="broken"), push(world, "ann@x", "b")
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    take_in(world)
    fail(world)
    assert state(world, two) is State.REVERTED
    assert world.repo[world.repo.trunk].takes_back == {one, two}


@pytest.mark.parametrize("world", [{"together": 9}], indirect=True, ids=[""])
def test_one_of_several_is_withdrawn_while_they_wait(world: World) -> None:
    """Each is a landing of its own until it is let in: the withdrawn one goes, and the others have their turns."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    one, two, three = (push(world, "ann@x", path) for path in "abc")
    ident = landing(world, two).id
    world.order(lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now))  # type: ignore[arg-type]
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    world.settle()
    assert [state(world, head) for head in (one, two, three)] == [State.LIVE, State.REVERTED, State.LIVE]
    assert two not in world.repo.tree(world.production).values()


@pytest.mark.parametrize("world", [{"together": 9}], indirect=True, ids=[""])
def test_what_rides_together_is_withdrawn_whole(world: World) -> None:
    """The one that carries them is withdrawn: one revert, with all their commits."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    one, two = (push(world, "ann@x", path) for path in "ab")
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    take_in(world)
    rider, carrier = landing(world, one), landing(world, two)
    assert (rider.carried, rider.cause) == (True, carrier.id)
    world.order(lambda now: control.withdraw(now, now.landing(carrier.id), "ann", world.policy, world.now))  # type: ignore[arg-type]
    world.settle()
    assert world.repo[world.repo.trunk].takes_back == {one, two}


@pytest.mark.parametrize("world", [{"together": 9}], indirect=True, ids=[""])
@pytest.mark.parametrize("between", ["another", "held", "alone"])
def test_what_does_not_ride_together(world: World, between: str) -> None:
    """Another's push in between, a push that a person holds, and one that came when the first was in test already."""
    world.order(lambda now: control.set_mode(now, Mode.CLOSED, "ops", "a moment", None))
    one = push(world, "ann@x", "a")
    if between == "another":
        push(world, "bob@x", "c")
    if between == "alone":
        world.order(lambda now: control.resume(now, "ops", "go on", world.now))
        take_in(world)
    two = push(world, "ann@x", "b")
    if between == "held":
        ident = landing(world, two).id
        world.order(lambda now: control.hold(now.landing(ident), "ann", "later"))  # type: ignore[arg-type]
    world.order(lambda now: control.resume(now, "ops", "go on", world.now))
    take_in(world)
    assert [state(world, head) for head in (one, two)] == [State.TESTING, State.QUEUED]
