# SPDX-License-Identifier: GPL-2.0-only
"""A trunk that was rewritten by hand: nothing is lost, and a person gets the gate out of its halt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.message import compose
from buildbot_cd.core.landing.values import EffectKind, Mode, State
from tests.core.landing.test_scenarios import check, finish, landing, push, reconcile, state, take_in

if TYPE_CHECKING:
    from buildbot_cd.testing.simulation.world import World


def rewrite(world: World) -> str:
    """A person forces trunk back to its first commit and pushes something else; the gate sees it."""
    world.repo.trunk, world.rewritten = "root", True
    tip = world.repo.push("ops@x", {"d": ""}).sha
    take_in(world)
    return tip


def test_a_rewritten_trunk_is_taken_as_it_stands(world: World) -> None:
    """Who was open has ended without a revert, each head is kept under a ref, and the next push goes its way."""
    first, second = push(world, "ann@x", "a"), push(world, "bob@x", "b")
    tip = rewrite(world)
    assert world.view.gate.mode is Mode.HALTED
    assert "resume --adopt" in world.view.gate.mode_reason
    assert world.adopt() == ""
    gate = world.view.gate
    assert (gate.mode, gate.trunk, gate.tested, gate.live) == (Mode.OPEN, tip, tip, tip)
    assert [state(world, one) for one in (first, second)] == [State.BYPASSED, State.BYPASSED]
    assert world.view.slots == {}
    marks = {one.payload["ref"]: one.payload["new"] for one in world.view.intents.values() if one.kind == "mark"}
    assert marks["refs/cd/kept/1"] == first
    assert marks["refs/cd/kept/2"] == second
    assert not any("/revert/" in key for key in world.view.intents)
    world.settle_builds()
    third = push(world, "cid@x", "c")
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert state(world, third) is State.LIVE
    assert world.production == third


def test_who_pushed_is_told_how_the_work_comes_back(world: World) -> None:
    """The command names the ref under which it is kept."""
    head = push(world, "ann@x", "a")
    rewrite(world)
    world.adopt()
    told = compose("x", "bypassed", landing(world, head), {}, "trunk", "http://cd/")
    assert f"git fetch origin refs/cd/kept/1 && git cherry-pick root..{head}" in told.body
    assert "taken as it stands: looked at it" in told.body


@pytest.mark.parametrize("way", ["put back", "adopted"])
def test_a_revert_that_is_forced_away_before_anybody_saw_it_halts_the_gate(world: World, way: str) -> None:
    """Trunk carries the bad change again, and is a descendant of all that was seen: but not of what was pushed."""
    bad = push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    finish(world, EffectKind.REVERT)
    assert state(world, bad) is State.REVERTED
    revert = world.repo.trunk
    assert (world.view.gate.trunk, world.view.gate.pushed) == (bad, revert)
    world.repo.trunk, world.rewritten = bad, True
    take_in(world)
    assert world.view.gate.mode is Mode.HALTED
    assert f"{revert} is not an ancestor of {bad}" in world.view.gate.mode_reason
    if way == "put back":
        world.repo.trunk, world.rewritten = revert, False
        world.order(lambda now: control.resume(now, "ops", "it is back", world.now))
        take_in(world)
    else:
        assert world.adopt() == ""
    gate = world.view.gate
    assert (gate.mode, gate.pushed, gate.trunk) == (Mode.OPEN, None, revert if way == "put back" else bad)


def test_a_revert_that_was_seen_is_not_looked_for_any_more(world: World) -> None:
    """The look after it takes it in: from then on it is what was seen of trunk."""
    push(world, "ann@x", "a", kind="broken")
    check(world)
    check(world)
    finish(world, EffectKind.REVERT)
    take_in(world)
    assert (world.view.gate.trunk, world.view.gate.pushed) == (world.repo.trunk, None)


def test_nothing_is_adopted_where_trunk_only_grew(world: World) -> None:
    """Whatever else the gate is halted for: the remedy of a halt is to resume."""
    head = push(world, "ann@x", "a")
    assert "trunk was not rewritten" in world.adopt()
    for _ in range(4):
        check(world, "infra")
        world.now += 700
        reconcile(world)
    assert world.view.gate.mode is Mode.HALTED
    assert "trunk was not rewritten" in world.adopt()
    assert state(world, head) is State.HALTED


def test_what_is_being_deployed_comes_to_its_end_first(world: World) -> None:
    """Hosts are never left half switched behind a new beginning."""
    push(world, "ann@x", "a")
    check(world)
    rewrite(world)
    assert "landing 1 is deploying: wait for its end" in world.adopt()
    finish(world, EffectKind.ROLLOUT)
    assert world.adopt() == ""


def test_a_trunk_that_was_put_back_is_resumed_as_it_was(world: World) -> None:
    """The halt ends, and who was in test goes on."""
    head = push(world, "ann@x", "a")
    rewrite(world)
    world.repo.trunk, world.rewritten = head, False
    take_in(world)
    assert "trunk was not rewritten" in world.adopt()
    world.order(lambda now: control.resume(now, "ops", "put back", world.now))
    check(world)
    finish(world, EffectKind.ROLLOUT)
    assert state(world, head) is State.LIVE
