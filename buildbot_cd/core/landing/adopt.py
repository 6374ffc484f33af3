# SPDX-License-Identifier: GPL-2.0-only
"""A trunk that was rewritten by hand: a person looks at it, and the gate takes it as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.control import resume
from buildbot_cd.core.landing.ingest import is_over
from buildbot_cd.core.landing.moves import Move, enter, mark, notice
from buildbot_cd.core.landing.values import EffectKind, IntentState, Mode, Slot, Snapshot, State
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.values import Landing

ACTING = frozenset({State.DEPLOYING, State.SETTLING, State.ROLLING_BACK, State.REVERTING})
"""States in which something outside moves for a landing: that comes to its end first."""


def adopt(snapshot: Snapshot, by: str, reason: str, now: float) -> Move:
    """Trunk's tip, as last seen, counts as tested and live, and the gate is resumed.

    Every open landing has ended by that, by hand: what of it is on trunk is part of what was taken, and what is not
    is kept under ``refs/cd/kept/<id>``, from where its engineer brings it back. Nothing is reverted.
    """
    tip = rewritten_tip(snapshot)
    if tip is None or snapshot.gate.mode is not Mode.HALTED:
        raise ControlRefused("trunk was not rewritten: there is nothing to adopt, a halt is ended by resuming")
    busy = next((one for one in snapshot.landings if _acts(snapshot, one)), None)
    if busy is not None:
        raise ControlRefused(f"landing {busy.id} is {busy.state.replace('_', ' ')}: wait for its end, or roll it back")
    gate = snapshot.gate
    opened = resume(snapshot, by, reason, now).gate or gate
    taken = replace(opened, trunk=tip, tested=tip, live=tip, pushed=None, epoch=gate.epoch + 1)
    why = f"trunk was rewritten by hand and taken as it stands by {by}: {reason}"
    gone = [enter(one, State.BYPASSED, now, why) for one in snapshot.landings]
    kept = [mark(taken, f"kept/{one.id}", one.head, None) for one in gone]
    return Move(
        why,
        by,
        landings=tuple(gone),
        gate=taken,
        free=tuple(snapshot.slots.items()),
        effects=(
            mark(taken, "tested", tip, gate.tested),
            mark(taken, "live", tip, gate.live),
            *kept,
            *(notice(one, "bypassed") for one in gone),
        ),
        drop=tuple(one.id for one in gone),
    )


def rewritten_tip(snapshot: Snapshot) -> str | None:
    """Trunk's tip if the newest look found trunk rewritten, else None."""
    looks: list[Mapping[str, Any]] = [
        one.result
        for one in sorted(snapshot.intents.values(), key=lambda one: one.created_at)
        if one.kind is EffectKind.OBSERVE and one.state is IntentState.DONE and one.result and "tip" in one.result
    ]
    newest = looks[-1] if looks else {}
    return str(newest["tip"]) if newest.get("rewritten") and not is_over(snapshot.gate, newest) else None


def _acts(snapshot: Snapshot, one: Landing) -> bool:
    """True for what moves hosts or trunk now, or may have left hosts half switched."""
    halted = one.state is State.HALTED and snapshot.slots.get(Slot.DEPLOY) == one.id and not one.revert_kind
    return one.state in ACTING or halted
