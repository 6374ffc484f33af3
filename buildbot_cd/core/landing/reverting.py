# SPDX-License-Identifier: GPL-2.0-only
"""Taking a landing back: caps, the request to the git program, and when it is asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.followers import taken_along
from buildbot_cd.core.landing.moves import Move, Policy, effect_of, enter, halted_gate, key_of, notice
from buildbot_cd.core.landing.values import Effect, EffectKind, Landing, Mode, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping


NO_CAP = 2**31


def cap_reached(snapshot: Snapshot, policy: Policy, now: float, engineer: str = "") -> str:
    """Why no further automatic revert is allowed now; empty if one is. Many reverts mean broken surroundings.

    Several of one ``engineer`` mean that they need help, or that something is wrong with how their changes are judged.
    """
    for most, span, word in ((policy.reverts_per_hour, 3600.0, "hour"), (policy.reverts_per_day, 86400.0, "day")):
        done = sum(1 for one in snapshot.reverts if one.at > now - span)
        if done >= most:
            return f"{done} reverts within the last {word} (gate.reverts.per_{word} is {most}): look before going on"
    own = sum(1 for one in snapshot.reverts if one.at > now - 3600.0 and one.engineer == engineer)
    if own >= policy.reverts_per_engineer:
        most = policy.reverts_per_engineer
        return f"{own} reverts of one engineer within the last hour (gate.reverts.per_engineer is {most}): look first"
    return ""


def another_reverts(snapshot: Snapshot, landing: Landing) -> bool:
    """True while another landing is being taken back: reverts go one after the other, each on the trunk it leaves."""
    busy = (State.REVERTING, State.ROLLING_BACK)
    return any(one.state in busy and one.id != landing.id for one in snapshot.landings)


def may_revert(snapshot: Snapshot, landing: Landing) -> bool:
    """True if the gate may begin to take the landing back by itself now. A halt is the switch that stops it."""
    reverting = any(one.state is State.REVERTING and one.id != landing.id for one in snapshot.landings)
    if snapshot.gate.mode is Mode.HALTED or reverting:
        return False
    return landing.state is State.ROLLING_BACK or not another_reverts(snapshot, landing)


def begin_revert(
    snapshot: Snapshot,
    landing: Landing,
    kind: str,
    failing: tuple[str, ...],
    reason: str,
    policy: Policy,
    now: float,
) -> Move:
    """Start to take the landing back, or halt the gate where that is not allowed.

    ``kind`` is test, deploy, dependent, reland or withdraw; it becomes the trailer ``CD-Auto-Revert``. A withdrawal, a
    patch that was judged before and what went along with another landing do not count against the caps.
    """
    wanted = replace(landing, failing=failing or landing.failing, revert_kind=kind)
    free = kind in ("withdraw", "reland") or landing.cause is not None or policy.shadow
    capped = "" if free else cap_reached(snapshot, policy, now, landing.engineer)
    if capped:
        halted = enter(wanted, State.HALTED, now, f"{reason}; not reverted: {capped}")
        gate = halted_gate(snapshot.gate, capped)
        return Move(capped, landings=(halted,), gate=gate, effects=(notice(halted, "halted", reason=capped),))
    reverting = enter(wanted, State.REVERTING, now, reason, infra_attempts=0)
    return Move(reason, landings=(reverting,), effects=(_request(snapshot, reverting, policy, now),))


def resumed_revert(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move | None:
    """Take back what waits for it: a halted landing after a person has looked, so without caps; one of which a part
    went along with another landing; or one whose hosts went back with those of the landing before it.
    """
    if not may_revert(snapshot, landing):
        return None
    if landing.state is State.HALTED:
        policy = replace(policy, reverts_per_hour=NO_CAP, reverts_per_day=NO_CAP, reverts_per_engineer=NO_CAP)
    fresh = replace(landing, attempt=landing.attempt + 1)
    return begin_revert(snapshot, fresh, landing.revert_kind, landing.failing, landing.reason, policy, now)


def _request(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> tuple[int, Effect]:
    """The order to the git program: every open landing that ``tested`` does not hold survives, but this one.

    ``entry`` names the revert in its trailer; it stays the same when the program has to be asked again.
    """
    bad = (landing, *taken_along(snapshot, landing, policy))
    gone = {one.id for one in bad}
    survivors = [
        {"id": one.id, "base": one.base, "head": one.head}
        for one in sorted(snapshot.landings, key=lambda one: one.id)
        if one.id not in gone and not _tested_holds(snapshot, one) and one.state is not State.REVERTING
    ]
    return effect_of(
        landing,
        EffectKind.REVERT,
        entry=key_of(landing, EffectKind.REVERT),
        tested=snapshot.gate.tested,
        known_tip=snapshot.gate.pushed or snapshot.gate.trunk,
        bad=[{"id": one.id, "base": one.base, "head": one.head} for one in bad],
        survivors=survivors,
        subject=landing.subject,
        because=landing.revert_kind,
        failing=list(landing.failing),
        reason=landing.reason,
        candidate=landing.candidate,
        when=int(now),
        shadow=policy.shadow,
    )


def _tested_holds(snapshot: Snapshot, landing: Landing) -> bool:
    """True for who is in deployment or was there last; once taken out of production, it is in ``tested`` no more."""
    inside = landing.state is State.SETTLING or snapshot.slots.get(Slot.DEPLOY) == landing.id
    return inside and not landing.revert_kind


def ask_again(snapshot: Snapshot, landing: Landing, policy: Policy, now: float, reason: str) -> Move:
    """No answer, so nobody knows whether the revert was pushed: the very same request, which finds it if it was."""
    pause = min(policy.backoff * 2**landing.infra_attempts, policy.backoff_most)
    asked: Mapping[str, object] = snapshot.intents[key_of(landing, EffectKind.REVERT)].payload
    again = replace(landing, infra_attempts=landing.infra_attempts + 1)
    ask = effect_of(again, EffectKind.REVERT, **{**asked, "after": now + pause})
    return Move(reason, landings=(again,), effects=(ask, notice(again, "held", reason=reason)))
