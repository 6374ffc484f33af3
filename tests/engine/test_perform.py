# SPDX-License-Identifier: GPL-2.0-only
"""Effects that are begun by several masters, one of which dies."""

from __future__ import annotations

import pytest

from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.values import IntentState
from buildbot_cd.engine.perform import GRACE
from buildbot_cd.testing.simulation.world import World

BEFORE, AFTER = "before a build is asked for", "after a build was asked for"


def at(where: str, times: int = 1) -> World:
    """A world whose first master has stopped there for the nth time, on its way to look at trunk."""
    world = World(Policy(), masters=2)
    world.now += 1
    world.look()
    first = world.masters[0]
    for _ in range(50):
        assert not first.forward(1)
        times -= first.where == where
        if not times:
            return world
    raise AssertionError(f"the master never came to: {where}")


def whole_round(world: World, which: int) -> None:
    """That master does all that it can do now."""
    while not world.masters[which].forward(1):
        pass


def looks(world: World) -> list[str]:
    """The keys of the builds that were asked for since the world began."""
    return [one.key for one in world.builds.all if one.key.endswith(f"{world.now:.3f}") or not one.complete]


@pytest.mark.parametrize("where", [BEFORE, AFTER])
def test_several_masters_ask_for_one_build(where: str) -> None:
    """While the first one is on its way the second one leaves the effect alone."""
    world = at(where)
    whole_round(world, 1)
    whole_round(world, 0)
    whole_round(world, 1)
    assert len(looks(world)) == 1


@pytest.mark.parametrize(("where", "builds"), [(BEFORE, 0), (AFTER, 1)])
def test_when_the_master_dies_another_goes_on_after_a_while(where: str, builds: int) -> None:
    """It adopts the build that was asked for, or asks for one; also when the clock was set back meanwhile."""
    world = at(where)
    world.masters[0].kill()
    key = next(key for key, one in world.view.intents.items() if one.state is IntentState.STARTED)
    whole_round(world, 1)
    assert [one.key for one in world.builds.all].count(key) == builds
    assert world.view.intents[key].ref is None
    world.now -= GRACE + 1
    whole_round(world, 1)
    assert [one.key for one in world.builds.all].count(key) == 1
    assert world.view.intents[key].ref == str(len(world.builds.all))


def test_an_effect_that_was_dropped_meanwhile_is_not_begun() -> None:
    """The row is looked at again in the transaction that begins it."""
    world = at("before a transaction", times=3)  # the move, what is unfinished, and now the beginning
    intent = next(one for one in world.view.intents.values() if one.state is IntentState.PENDING)
    world.store.transact_now(lambda tx: tx.outbox.drop(intent.key, world.now))
    whole_round(world, 0)
    assert intent.key not in [one.key for one in world.builds.all]


@pytest.mark.parametrize("begun", [False, True])
def test_a_rollout_is_not_begun_before_a_worker_makes_its_release(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    """With one place on the deploy worker, a rollout that waits for its release would keep it from being made."""
    world = World(Policy(checks=False), masters=1)
    taken: list[int] = []

    async def claimed(_builds: object, bsid: int) -> bool:
        taken.append(bsid)
        return begun

    monkeypatch.setattr(type(world.builds), "begun", claimed)
    world.repo.push("ann@x", {"a": ""})
    world.now += 1
    world.look()
    whole_round(world, 0)
    world.settle_looks()
    for _ in range(3):
        whole_round(world, 0)
    asked_for = [one.key.split("/")[2] for one in world.builds.all]
    assert asked_for.count("stage") == 1
    assert asked_for.count("rollout") == int(begun)
    assert taken
