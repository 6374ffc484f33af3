# SPDX-License-Identifier: GPL-2.0-only
"""Who may come in next, and why not."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.landing.followers import ride_together
from buildbot_cd.core.landing.moves import (
    EMERGENCY,
    Move,
    Policy,
    effect_of,
    enter,
    notice,
    requeue,
    staged_early,
    staging,
)
from buildbot_cd.core.landing.values import BLOCKING, EffectKind, Gate, Landing, Mode, Slot, Snapshot, State

UNDER_TEST = frozenset({State.PREPARING, State.TESTING, State.CONFIRMING, State.INFRA_HOLD})


def queue(snapshot: Snapshot) -> tuple[Landing, ...]:
    """The waiting landings in the order in which they will be admitted; those to be taken back are not among them."""
    waiting = [one for one in snapshot.landings if one.state is State.QUEUED and not one.revert_kind]
    return tuple(sorted(waiting, key=lambda one: one.order))


def passes(gate: Gate, landing: Landing) -> bool:
    """True if the gate's mode lets this landing in: an open gate all, a frozen one those of the named priority."""
    if gate.mode is Mode.OPEN:
        return True
    return gate.mode is Mode.CLOSED and 0 < gate.min_priority <= landing.priority


def obstacle(snapshot: Snapshot, landing: Landing | None = None, *, slotless: bool = False) -> str:
    """Why nobody (or not this landing) is admitted now, in one sentence; empty if the gate is free.

    ``slotless``: who holds the test slot does not matter.
    """
    gate = snapshot.gate
    if gate.mode is not Mode.OPEN and (landing is None or not passes(gate, landing)):
        by = f" by {gate.mode_by}" if gate.mode_by else ""
        return f"the gate is {gate.mode}{by}: {gate.mode_reason or 'no reason given'}"
    for one in snapshot.landings:
        if one.state in BLOCKING or (one.state is State.QUEUED and one.revert_kind):
            return f"landing {one.id} is {one.state.replace('_', ' ')}: {one.reason}"
    holder = None if slotless else snapshot.holder(Slot.TEST)
    return f"landing {holder.id} holds the test slot ({holder.state.replace('_', ' ')})" if holder else ""


def blind(snapshot: Snapshot) -> str:
    """Why the next push would not be seen, in one sentence; empty if the newest look at trunk had an answer."""
    looks = [one for one in snapshot.intents.values() if one.kind is EffectKind.OBSERVE and one.result is not None]
    result = max(looks, key=lambda one: one.created_at).result if looks else None
    if result is not None and "tip" not in result:
        return f"trunk could not be looked at: {result.get('error') or 'no answer'}"
    return "trunk has not been looked at yet" if snapshot.gate.trunk is None else ""


def admit(snapshot: Snapshot, policy: Policy, now: float) -> Move | None:
    """Let the first of the queue into the test slot, if nothing stands against it."""
    ready = [one for one in queue(snapshot) if one.not_before is None or one.not_before <= now]
    if not ready or obstacle(snapshot, ready[0]):
        return _preempt(snapshot, ready[0], now) if ready and policy.preempt else None
    landing, riders = ride_together(snapshot, ready[0], policy, now)
    move = _let_in(snapshot, landing, policy, now)
    return replace(move, landings=(*move.landings, *riders)) if riders else move


def _let_in(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move:
    if landing.base == snapshot.gate.tested:
        return start_test(landing, landing.head, policy, now, take=True)
    preparing = enter(landing, State.PREPARING, now, "its candidate is being built on the tested revision")
    ask = effect_of(preparing, EffectKind.CANDIDATE, onto=snapshot.gate.tested, base=landing.base, head=landing.head)
    effects = (ask, notice(preparing, "your_turn"))
    return Move("admitted", landings=(preparing,), take=((Slot.TEST, landing.id),), effects=effects)


def _preempt(snapshot: Snapshot, urgent: Landing, now: float) -> Move | None:
    """Make room for an emergency: who is under test goes back to the head of the queue. A passed landing is not
    disturbed, and neither is anything that is being taken back.
    """
    victim = snapshot.holder(Slot.TEST)
    if urgent.priority < EMERGENCY or victim is None or victim.state not in UNDER_TEST:
        return None
    if victim.priority >= urgent.priority or obstacle(snapshot, urgent, slotless=True):
        return None
    reason = f"made room for landing {urgent.id}, an emergency: {urgent.emergency}"
    waiting = requeue(victim, now, reason)
    return Move(
        reason,
        landings=(waiting,),
        free=((Slot.TEST, victim.id),),
        effects=(notice(waiting, "retest", cause=urgent.id),),
        drop=(victim.id,),
    )


def start_test(landing: Landing, candidate: str, policy: Policy, now: float, *, take: bool = False) -> Move:
    """Put the candidate under test; with no checks configured it has passed at once."""
    slots = ((Slot.TEST, landing.id),) if take else ()
    hello = (notice(landing, "your_turn"),) if take else ()
    if not policy.checks:
        passed = enter(landing, State.PASSED, now, "no checks are configured", candidate=candidate)
        return Move("passed: no checks are configured", landings=(passed,), take=slots, effects=hello)
    testing = enter(landing, State.TESTING, now, "its checks run", candidate=candidate)
    ask = effect_of(testing, EffectKind.CHECKS, candidate=candidate, base=landing.base, head=landing.head)
    first = policy.deploys and policy.early and not landing.infra_attempts
    early = (staging(testing, staged_early(testing)),) if first else ()
    return Move("its checks run", landings=(testing,), take=slots, effects=(ask, *early, *hello))
