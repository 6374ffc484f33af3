# SPDX-License-Identifier: GPL-2.0-only
"""A release goes to the hosts while its checks run, and a rollout that needs it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing.values import EffectKind, Intent, State

if TYPE_CHECKING:
    from buildbot_cd.testing.simulation.world import World


def pushed(world: World) -> None:
    """One engineer's push is taken in, and its checks are asked for."""
    world.repo.push("ann@x", {"a": ""})
    world.now += 1
    world.look()
    reconcile(world)
    world.settle_looks()
    reconcile(world)


def reconcile(world: World) -> None:
    """The master does all that it can do now."""
    for _ in range(3):
        while not world.masters[0].forward(1):
            pass


def asked(world: World, kind: EffectKind) -> list[Intent]:
    """The effects of this kind, in the order in which they were asked for."""
    return sorted((one for one in world.view.intents.values() if one.kind is kind), key=lambda one: one.created_at)


def end(world: World, kind: EffectKind, fault: str = "") -> None:
    """The running build for the newest effect of this kind does all of its work."""
    key = asked(world, kind)[-1].key
    for build in world.running:
        while build.key == key and not build.complete:
            world.work(build, fault)
    reconcile(world)


def checked(world: World) -> None:
    """The checks end well."""
    for run in world.checking:
        world.check(run, "")
    reconcile(world)


def state(world: World) -> State:
    """Where the only landing stands."""
    (landing,) = world.view.landings.values()
    return landing.state


def test_a_release_is_brought_to_the_hosts_while_its_checks_run(world: World) -> None:
    """The rollout is told of it, and nothing is made a second time."""
    pushed(world)
    (stage,) = asked(world, EffectKind.STAGE)
    assert state(world) is State.TESTING
    end(world, EffectKind.STAGE)
    assert state(world) is State.TESTING
    checked(world)
    (rollout,) = asked(world, EffectKind.ROLLOUT)
    assert rollout.payload["staged_by"] == stage.key
    end(world, EffectKind.ROLLOUT)
    assert state(world) is State.LIVE
    assert asked(world, EffectKind.STAGE) == [world.view.intents[stage.key]]


@pytest.mark.parametrize("world", [{"early": False}], indirect=True)
def test_without_early_a_release_is_made_after_its_checks(world: World) -> None:
    """Nothing of a change that has not passed comes near a host."""
    pushed(world)
    assert asked(world, EffectKind.STAGE) == []
    checked(world)
    (stage,), (rollout,) = asked(world, EffectKind.STAGE), asked(world, EffectKind.ROLLOUT)
    assert rollout.payload["staged_by"] == stage.key
    end(world, EffectKind.ROLLOUT)
    assert state(world) is State.LIVE


@pytest.mark.parametrize("world", [{"checks": False}], indirect=True)
def test_without_checks_a_release_is_made_at_once(world: World) -> None:
    """A team that adopts the deployment alone has it too."""
    pushed(world)
    assert len(asked(world, EffectKind.STAGE)) == 1
    end(world, EffectKind.ROLLOUT)
    assert state(world) is State.LIVE


def test_a_release_that_failed_to_reach_the_hosts_is_made_again_for_its_rollout(world: World) -> None:
    """That it failed while the checks ran costs neither the landing nor a try."""
    pushed(world)
    end(world, EffectKind.STAGE, "disk full")
    assert state(world) is State.TESTING
    checked(world)
    first, second = asked(world, EffectKind.STAGE)
    assert (first.result or {})["ok"] is False
    (rollout,) = asked(world, EffectKind.ROLLOUT)
    assert rollout.payload["staged_by"] == second.key
    end(world, EffectKind.ROLLOUT)
    assert state(world) is State.LIVE


def test_a_rollout_that_is_tried_again_has_its_release_made_again(world: World) -> None:
    """The hosts may have lost it; the surroundings, not the change, are what went wrong."""
    pushed(world)
    end(world, EffectKind.STAGE)
    checked(world)
    end(world, EffectKind.ROLLOUT, "hosts are down")
    world.now += 700
    reconcile(world)
    stages, rollouts = asked(world, EffectKind.STAGE), asked(world, EffectKind.ROLLOUT)
    assert [one.payload["staged_by"] for one in rollouts] == [one.key for one in stages]
    assert len(rollouts) == 2
    end(world, EffectKind.ROLLOUT)
    assert state(world) is State.LIVE
