# SPDX-License-Identifier: GPL-2.0-only
"""Who may come in next, and why not."""

from __future__ import annotations

from buildbot_cd.core.landing.moves import Move, Policy, effect_of, enter, notice
from buildbot_cd.core.landing.values import BLOCKING, EffectKind, Gate, Landing, Mode, Slot, Snapshot, State


def queue(snapshot: Snapshot) -> tuple[Landing, ...]:
    """The waiting landings in the order in which they will be admitted; those to be taken back are not among them."""
    waiting = [one for one in snapshot.landings if one.state is State.QUEUED and not one.revert_kind]
    return tuple(sorted(waiting, key=lambda one: one.order))


def passes(gate: Gate, landing: Landing) -> bool:
    """True if the gate's mode lets this landing in: an open gate all, a frozen one those of the named priority."""
    if gate.mode is Mode.OPEN:
        return True
    return gate.mode is Mode.CLOSED and 0 < gate.min_priority <= landing.priority


def obstacle(snapshot: Snapshot, landing: Landing | None = None) -> str:
    """Why nobody (or not this landing) is admitted now, in one sentence; empty if the gate is free."""
    gate = snapshot.gate
    if gate.mode is not Mode.OPEN and (landing is None or not passes(gate, landing)):
        by = f" by {gate.mode_by}" if gate.mode_by else ""
        return f"the gate is {gate.mode}{by}: {gate.mode_reason or 'no reason given'}"
    for one in snapshot.landings:
        if one.state in BLOCKING or (one.state is State.QUEUED and one.revert_kind):
            return f"landing {one.id} is {one.state.replace('_', ' ')}: {one.reason}"
    holder = snapshot.holder(Slot.TEST)
    return f"landing {holder.id} holds the test slot ({holder.state})" if holder else ""


def admit(snapshot: Snapshot, policy: Policy, now: float) -> Move | None:
    """Let the first of the queue into the test slot, if nothing stands against it."""
    ready = [one for one in queue(snapshot) if one.not_before is None or one.not_before <= now]
    if not ready or obstacle(snapshot, ready[0]):
        return None
    landing = ready[0]
    if landing.base == snapshot.gate.tested:
        return start_test(landing, landing.head, policy, now, take=True)
    preparing = enter(landing, State.PREPARING, now, "its candidate is being built on the tested revision")
    ask = effect_of(preparing, EffectKind.CANDIDATE, onto=snapshot.gate.tested, base=landing.base, head=landing.head)
    effects = (ask, notice(preparing, "your_turn"))
    return Move("admitted", landings=(preparing,), take=((Slot.TEST, landing.id),), effects=effects)


def start_test(landing: Landing, candidate: str, policy: Policy, now: float, *, take: bool = False) -> Move:
    """Put the candidate under test; with no checks configured it has passed at once."""
    slots = ((Slot.TEST, landing.id),) if take else ()
    hello = (notice(landing, "your_turn"),) if take else ()
    if not policy.checks:
        passed = enter(landing, State.PASSED, now, "no checks are configured", candidate=candidate)
        return Move("passed: no checks are configured", landings=(passed,), take=slots, effects=hello)
    testing = enter(landing, State.TESTING, now, "its checks run", candidate=candidate)
    ask = effect_of(testing, EffectKind.CHECKS, candidate=candidate, base=landing.base, head=landing.head)
    return Move("its checks run", landings=(testing,), take=slots, effects=(ask, *hello))
