# SPDX-License-Identifier: GPL-2.0-only
"""Changes that people took back by hand before the gate did: nothing is pushed, and nothing comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.values import State
from tests.core.landing.test_scenarios import landing, push, state, take_in

if TYPE_CHECKING:
    from buildbot_cd.testing.simulation.world import World


def undo(world: World, engineer: str, *paths: str) -> str:
    """The paths as they were before the newest commit; the new commit."""
    before = world.repo.tree(str(world.repo[world.repo.trunk].parent))
    return world.repo.push(engineer, {path: before.get(path) for path in paths}).sha


def withdraw(world: World, head: str) -> None:
    """Its engineer takes the landing back."""
    ident = landing(world, head).id
    refused = world.order(lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now))
    assert not refused


def test_a_push_that_undoes_itself_is_withdrawn_and_the_next_stands_on_it(world: World) -> None:
    """Trunk looks as it did, so no revert is pushed: its tip is tested, and holds nothing of what was taken back."""
    world.repo.push("ann@x", {"a": ""})
    head = undo(world, "ann@x", "a")
    take_in(world)
    withdraw(world, head)
    world.settle()
    assert state(world, head) is State.REVERTED
    assert world.repo.trunk == head == world.view.gate.tested
    after = push(world, "bob@x", "b")
    world.settle()
    assert state(world, after) is State.LIVE


def test_a_forged_trailer_on_the_commit_that_undoes_a_landing_hides_nothing(world: World) -> None:
    """The revert finds nothing to do, and names trunk's tip: that commit is its engineer's all the same, and tested."""
    head = push(world, "ann@x", "a")
    before = world.repo.tree("root")
    forged = world.repo.push("eve@x", {"a": before["a"]}, entry="trunk/1/revert/1.0").sha
    withdraw(world, head)
    world.settle()
    assert [state(world, one) for one in (head, forged)] == [State.REVERTED, State.LIVE]
    assert landing(world, forged).engineer == "eve@x"


def test_a_landing_undone_by_a_commit_that_nobody_has_seen(world: World) -> None:
    """The commit that undoes it is a landing of its own, and what comes after it holds neither change."""
    head = push(world, "ann@x", "a")
    undone = undo(world, "bob@x", "a")
    withdraw(world, head)
    world.settle()
    after = push(world, "cid@x", "b")
    world.settle()
    assert [state(world, one) for one in (head, undone, after)] == [State.REVERTED, State.LIVE, State.LIVE]
