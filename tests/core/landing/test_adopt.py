# SPDX-License-Identifier: GPL-2.0-only
"""A trunk that was rewritten by hand: nothing is lost, and a person gets the gate out of its halt."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    assert "taken as it stands by ops: looked at it" in told.body


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
