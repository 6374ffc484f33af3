# SPDX-License-Identifier: GPL-2.0-only
"""What people may order: freeze, drain, hold, withdraw, roll back. Each returns the move or says why not."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.landing.moves import EMERGENCY, HELD, Move, Policy, halted_gate, under
from buildbot_cd.core.landing.reverting import another_reverts, begin_revert
from buildbot_cd.core.landing.taking_back import take_back
from buildbot_cd.core.landing.values import Freeze, Landing, Mode, Slot, Snapshot, State
from buildbot_cd.errors import ControlRefused

WITHDRAWABLE = frozenset(
    {State.QUEUED, State.PREPARING, State.TESTING, State.CONFIRMING, State.INFRA_HOLD, State.PASSED, State.HALTED}
)


def set_mode(snapshot: Snapshot, mode: Mode, by: str, reason: str, until: float | None, min_priority: int = 0) -> Move:
    """Freeze (CLOSED), drain or halt the gate. A reason is needed: it is shown to everybody who waits.

    ``until`` ends it by itself (a halt ends only by a person); landings of at least ``min_priority`` pass a freeze,
    none if that is 0. A halted gate stays halted: the freeze comes into force when it is resumed.
    """
    if not reason.strip():
        raise ControlRefused("a reason is needed: it is shown to everybody who waits")
    if mode is Mode.OPEN:
        raise ControlRefused("a gate is opened by resuming it")
    gate = snapshot.gate
    if mode is Mode.HALTED:
        return Move(f"{mode}: {reason}", actor=by, gate=halted_gate(gate, reason, by))
    wanted = Freeze(mode, reason, by, until, max(0, min_priority) if mode is Mode.CLOSED else 0)
    frozen = replace(gate, beneath=wanted) if gate.mode is Mode.HALTED else under(gate, wanted)
    return Move(f"{mode}: {reason}", actor=by, gate=frozen)


def thaw(snapshot: Snapshot, now: float) -> Move | None:
    """Open a gate whose freeze has run out; a HALTED gate never opens by itself."""
    gate = snapshot.gate
    if gate.mode in (Mode.OPEN, Mode.HALTED) or gate.mode_until is None or now < gate.mode_until:
        return None
    return Move("the freeze has run out", gate=under(gate, None))


def resume(snapshot: Snapshot, by: str, reason: str, now: float) -> Move:
    """End a halt, or a freeze if there is none. A freeze that the halt found is in force again, if it has not run out.

    Halted landings go on by themselves once the gate is not halted any more, one after the other (`resume.go_on`).
    """
    gate = snapshot.gate
    back = gate.beneath if gate.mode is Mode.HALTED else None
    if back is not None and back.until is not None and back.until <= now:
        back = None
    return Move(f"resumed: {reason}", by, gate=replace(under(gate, back), beneath=None))


def hold(landing: Landing, by: str, reason: str) -> Move:
    """Keep a waiting or passed landing where it is until it is released."""
    if landing.state not in (State.QUEUED, State.PASSED):
        raise ControlRefused(f"landing {landing.id} is {landing.state}: only a queued or passed landing can be held")
    return Move(f"held by {by}: {reason}", by, (replace(landing, not_before=HELD, reason=f"held by {by}: {reason}"),))


def release(landing: Landing, by: str) -> Move:
    """Let a held landing go on."""
    if landing.not_before is None:
        raise ControlRefused(f"landing {landing.id} is not held")
    return Move(f"released by {by}", by, (replace(landing, not_before=None, reason=f"released by {by}"),))


def emergency(landing: Landing, by: str, reason: str) -> Move:
    """Put a waiting landing into the fast lane: next in the queue, and past windows in which nothing is deployed.

    It skips no test and no canary; who may order it is the master's authorisation's matter.
    """
    if landing.state not in (State.QUEUED, State.PASSED):
        raise ControlRefused(f"landing {landing.id} is {landing.state}: only one that waits can be hurried")
    if landing.priority >= EMERGENCY:
        raise ControlRefused(f"landing {landing.id} is in the fast lane already")
    if not reason.strip():
        raise ControlRefused("a reason is needed: those who are overtaken are shown it")
    why = f"emergency, by {by}: {reason}"
    return Move(why, by, (replace(landing, priority=EMERGENCY, emergency=reason, reason=why),))


def withdraw(snapshot: Snapshot, landing: Landing, by: str, policy: Policy, now: float) -> Move:
    """Take a landing back at its engineer's wish, before it is deployed."""
    if landing.state not in WITHDRAWABLE or (snapshot.slots.get(Slot.DEPLOY) == landing.id and not landing.revert_kind):
        raise ControlRefused(f"landing {landing.id} is {landing.state}: it can be rolled back, not withdrawn")
    if another_reverts(snapshot, landing):
        raise ControlRefused("another landing is being taken back: try again when that is done")
    move = begin_revert(snapshot, landing, "withdraw", (), f"withdrawn by {by}", policy, now)
    return replace(move, actor=by, drop=(landing.id,))


def roll_back(snapshot: Snapshot, landing: Landing, by: str, reason: str, now: float) -> Move:
    """Take a landing out of production while it is being deployed or settles there, or was halted, and revert it."""
    halted = landing.state is State.HALTED and snapshot.slots.get(Slot.DEPLOY) == landing.id and not landing.revert_kind
    if landing.state not in (State.DEPLOYING, State.SETTLING) and not halted:
        raise ControlRefused(f"landing {landing.id} is {landing.state}: only one that is being deployed is rolled back")
    if not reason.strip():
        raise ControlRefused("a reason is needed: it goes into the revert")
    return take_back(snapshot, landing, now, f"rolled back by {by}: {reason}", (), actor=by)
