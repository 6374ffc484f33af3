# SPDX-License-Identifier: GPL-2.0-only
"""The invariants of trunk's history: each says what is wrong with the world as it is, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.testing.simulation.world import World

    Anytime = Callable[[World], str]


def s7(world: World) -> str:
    """Every landing is reverted at most once, and no revert of the gate's is taken back by the gate."""
    named: list[str] = []
    for sha in world.repo.line(world.repo.trunk):
        named += sorted(world.repo[sha].takes_back)
    twice = sorted({sha for sha in named if named.count(sha) > 1})
    ours = [sha for sha in named if world.repo[sha].ours]
    return f"{twice} reverted twice" if twice else f"reverts {ours} were reverted" if ours else ""


def s9(world: World) -> str:
    """Trunk only grows: what was seen on it stays on it, and what the gate has pushed to it."""
    gate = world.view.gate
    held = world.rewritten or not world.lost
    return "" if held else f"trunk {world.repo.trunk} does not hold {gate.trunk} and {gate.pushed}"


def s13(world: World) -> str:
    """Every engineer's commit that was seen belongs to one landing, and is on trunk or named in one revert."""
    repo, view = world.repo, world.view
    if world.rewritten or view.gate.trunk is None:
        return ""
    owners: dict[str, list[int]] = {}
    for one in view.landings.values():
        if one.carried:
            continue  # the landing that carries it has its commits too
        for sha in repo.steps(one.base, one.head):
            owners.setdefault(sha, []).append(one.id)
    line = repo.steps("root", repo.trunk)
    named = {lost for sha in line for lost in repo[sha].takes_back} | repo.beside
    for sha in repo.steps(world.adopted, view.gate.trunk):
        if repo[sha].ours:
            if sha in owners:
                return f"{sha} is the gate's own, but landing {owners[sha]} has it"
            continue
        if len(owners.get(sha, ())) != 1:
            return f"{sha} belongs to {owners.get(sha, 'no landing')}"
        state = view.landings[owners[sha][0]].state
        still = sha in repo[repo.trunk].tree.values()
        if state is State.REVERTED and sha not in named and still:
            return f"{sha} is reverted, but no revert names it"
        if state in (State.LIVE, State.SETTLING, State.DEPLOYING) and sha in named:
            return f"{sha} is {state}, but was taken back"
    return ""


ANYTIME: Mapping[str, Anytime] = {"S7": s7, "S9": s9, "S13": s13}
"""Asked between two steps of the world."""
