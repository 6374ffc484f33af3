# SPDX-License-Identifier: GPL-2.0-only
"""What must hold once everything has come to rest: C1-C2 and the liveness invariants L1-L5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import TERMINAL, Mode, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.testing.simulation.world import World

    AtRest = Callable[[World], str]


def c1(world: World) -> str:
    """With an empty queue, trunk's tree is the tested one."""
    gate = world.view.gate
    if not _over(world) or world.repo.tree(world.repo.trunk) == world.repo.tree(gate.tested or ""):
        return ""
    return f"trunk {world.repo.trunk} is {world.repo.tree(world.repo.trunk)}, but {gate.tested} was tested"


def c2(world: World) -> str:
    """With an idle deploy slot, what was tested is live, and production runs it."""
    gate = world.view.gate
    if not _over(world):
        return ""
    if gate.tested != gate.live:
        return f"tested is {gate.tested}, but live is {gate.live}"
    same = world.repo.tree(world.production) == world.repo.tree(gate.live or "")
    return "" if same or not world.policy.deploys else f"production runs {world.production} and not {gate.live}"


def l1(world: World) -> str:
    """Every landing has ended, or the gate is halted, with a reason and a message to people."""
    view = world.view
    waiting = [one.id for one in view.landings.values() if one.state not in TERMINAL]
    if not waiting or view.gate.mode in (Mode.CLOSED, Mode.DRAIN):
        return ""
    if view.gate.mode is not Mode.HALTED:
        return f"landings {waiting} wait for ever"
    told = view.gate.mode_by != "gate" or any(what == "halted" for _, what in world.notices)
    return "" if view.gate.mode_reason and told else f"the gate is halted and nobody was told why ({waiting} wait)"


def l3(world: World) -> str:
    """After the last crash the gate goes on: it comes to rest, and does not turn in circles."""
    return "" if world.rounds < world.patience else f"still moving after {world.rounds} rounds of everybody's work"


def l5(world: World) -> str:
    """Taking something back does not last for ever: it ends, or the gate is halted."""
    view = world.view
    stuck = [one.id for one in view.landings.values() if one.state in (State.REVERTING, State.ROLLING_BACK)]
    return f"landings {stuck} are still being taken back" if stuck and view.gate.mode is not Mode.HALTED else ""


def _over(world: World) -> bool:
    view = world.view
    ended = all(one.state in TERMINAL for one in view.landings.values())
    return ended and view.gate.trunk == world.repo.trunk and not world.rewritten and not world.policy.shadow


AT_REST: Mapping[str, AtRest] = {"C1": c1, "C2": c2, "L1": l1, "L3": l3, "L5": l5}
"""Asked after `World.settle`. L2 and L4 are asked at every commit."""
