# SPDX-License-Identifier: GPL-2.0-only
"""What people may order: freeze, drain, resume, hold, withdraw, roll back. Each returns the move or says why not."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.landing.moves import Move, Policy, effect_of, enter
from buildbot_cd.core.landing.production import take_back
from buildbot_cd.core.landing.reverting import another_reverts, begin_revert
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Landing, Mode, Slot, Snapshot, State
from buildbot_cd.errors import ControlRefused

HELD = 4102444800.0
"""``not_before`` of a landing that a person holds: the year 2100, that is, until somebody releases it."""

WITHDRAWABLE = frozenset(
    {State.QUEUED, State.PREPARING, State.TESTING, State.CONFIRMING, State.INFRA_HOLD, State.PASSED, State.HALTED}
)


def set_mode(snapshot: Snapshot, mode: Mode, by: str, reason: str, until: float | None) -> Move:
    """Freeze (CLOSED), drain or halt the gate. A reason is needed: it is shown to everybody who waits."""
    if not reason.strip():
        raise ControlRefused("a reason is needed: it is shown to everybody who waits")
    gate = replace(snapshot.gate, mode=mode, mode_by=by, mode_reason=reason, mode_until=until)
    return Move(f"{mode}: {reason}", actor=by, gate=gate)


def thaw(snapshot: Snapshot, now: float) -> Move | None:
    """Open a gate whose freeze has run out; a HALTED gate never opens by itself."""
    gate = snapshot.gate
    if gate.mode in (Mode.OPEN, Mode.HALTED) or gate.mode_until is None or now < gate.mode_until:
        return None
    return Move("the freeze has run out", gate=_open(snapshot))


def resume(snapshot: Snapshot, by: str, reason: str, policy: Policy, now: float) -> Move:
    """Open the gate; landings that were halted go on where they stood, with a fresh count of attempts."""
    halted = [one for one in snapshot.landings if one.state is State.HALTED]
    landings: list[Landing] = []
    effects: list[tuple[int | None, Effect]] = []
    free: list[tuple[Slot, int]] = []
    for one in halted:
        fresh = replace(one, attempt=one.attempt + 1, infra_attempts=0)
        if snapshot.slots.get(Slot.DEPLOY) == one.id and not one.revert_kind:
            again = enter(fresh, State.DEPLOYING, now, f"resumed by {by}: {reason}")
            effects.append(effect_of(again, EffectKind.ROLLOUT, candidate=one.candidate, live=snapshot.gate.live))
        elif one.revert_kind:
            move = begin_revert(snapshot, fresh, one.revert_kind, one.failing, one.reason, _uncapped(policy), now)
            again = move.landings[0]
            effects.extend(move.effects)
        else:
            again = enter(replace(fresh, candidate=None, failing=()), State.QUEUED, now, f"resumed by {by}: {reason}")
            free.append((Slot.TEST, one.id))
        landings.append(again)
    held = [(slot, who) for slot, who in free if snapshot.slots.get(slot) == who]
    return Move(f"resumed: {reason}", by, tuple(landings), _open(snapshot), free=tuple(held), effects=tuple(effects))


def _uncapped(policy: Policy) -> Policy:
    """A person has looked: the caps do not stop what that person resumes."""
    return replace(policy, reverts_per_hour=2**31, reverts_per_day=2**31)


def _open(snapshot: Snapshot) -> Gate:
    return replace(snapshot.gate, mode=Mode.OPEN, mode_by="", mode_reason="", mode_until=None)


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


def withdraw(snapshot: Snapshot, landing: Landing, by: str, policy: Policy, now: float) -> Move:
    """Take a landing back at its engineer's wish, before it is deployed."""
    if landing.state not in WITHDRAWABLE or snapshot.slots.get(Slot.DEPLOY) == landing.id:
        raise ControlRefused(f"landing {landing.id} is {landing.state}: it can be rolled back, not withdrawn")
    if another_reverts(snapshot, landing):
        raise ControlRefused("another landing is being taken back: try again when that is done")
    move = begin_revert(snapshot, landing, "withdraw", (), f"withdrawn by {by}", policy, now)
    return replace(move, actor=by, drop=(landing.id,))


def roll_back(snapshot: Snapshot, landing: Landing, by: str, reason: str, now: float) -> Move:
    """Take a landing out of production while it is being deployed, and revert it."""
    if landing.state is not State.DEPLOYING:
        raise ControlRefused(f"landing {landing.id} is {landing.state}: only one that is being deployed is rolled back")
    if not reason.strip():
        raise ControlRefused("a reason is needed: it goes into the revert")
    return take_back(snapshot, landing, now, f"rolled back by {by}: {reason}", (), actor=by)
