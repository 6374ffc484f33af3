# SPDX-License-Identifier: GPL-2.0-only
"""One engineer's pushes that stand directly one on the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.values import EffectKind, State
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
