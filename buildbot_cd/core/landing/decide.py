# SPDX-License-Identifier: GPL-2.0-only
"""The one next step of a gate, from a consistent read of everything.

`decide` is asked again and again until it says None. It never remembers: lost, doubled or reordered messages
cannot confuse it, since every answer is derived from what is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from buildbot_cd.core.landing import production, settling, testing
from buildbot_cd.core.landing.admission import admit
from buildbot_cd.core.landing.moves import Move, Policy, key_of
from buildbot_cd.core.landing.resume import go_on
from buildbot_cd.core.landing.reverted import reverted
from buildbot_cd.core.landing.reverting import may_revert, resumed_revert
from buildbot_cd.core.landing.values import EffectKind, IntentState, Landing, Snapshot, State

Answer = Mapping[str, Any]
Rule = Callable[[Snapshot, Landing, Answer, Policy, float], Move | None]


def decide(snapshot: Snapshot, policy: Policy, now: float) -> Move | None:
    """The next move, or None if the gate has to wait. ``now`` in seconds since the epoch."""
    for landing in sorted(snapshot.landings, key=lambda one: one.order):
        move = advance(snapshot, landing, policy, now)
        if move is not None:
            return move
    return admit(snapshot, policy, now)


def advance(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move | None:
    """The next move of one landing that is inside the gate, or None if it has to wait."""
    if landing.state is State.PASSED:
        return production.deploy(snapshot, landing, policy, now)
    if landing.state is State.INFRA_HOLD:
        return testing.released(snapshot, landing, policy, now)
    if landing.state is State.HALTED:
        return go_on(snapshot, landing, policy, now)
    if landing.state is State.QUEUED and landing.revert_kind:
        return resumed_revert(snapshot, landing, policy, now)
    awaited = AWAITS.get(landing.state)
    if awaited is None:
        return None
    kind, rule = awaited
    answer = _answer(snapshot, landing, kind)
    return None if answer is None else rule(snapshot, landing, answer, policy, now)


def _answer(snapshot: Snapshot, landing: Landing, kind: EffectKind) -> Answer | None:
    intent = snapshot.intents.get(key_of(landing, kind))
    return intent.result if intent is not None and intent.state is IntentState.DONE else None


def _prepared(snapshot: Snapshot, landing: Landing, answer: Answer, policy: Policy, now: float) -> Move | None:
    wait = "conflict" in answer and not may_revert(snapshot, landing)
    return None if wait else testing.prepared(snapshot, landing, answer, policy, now)


def _confirmed(snapshot: Snapshot, landing: Landing, answer: Answer, policy: Policy, now: float) -> Move | None:
    move = testing.confirmed(snapshot, landing, answer, policy, now)
    wait = move.landings[0].revert_kind and not may_revert(snapshot, landing)
    return None if wait else move


AWAITS: Mapping[State, tuple[EffectKind, Rule]] = {
    State.PREPARING: (EffectKind.CANDIDATE, _prepared),
    State.TESTING: (EffectKind.CHECKS, testing.tested),
    State.CONFIRMING: (EffectKind.CONFIRM, _confirmed),
    State.DEPLOYING: (EffectKind.ROLLOUT, production.deployed),
    State.SETTLING: (EffectKind.WATCH, settling.settled),
    State.ROLLING_BACK: (EffectKind.ROLLBACK, production.rolled_back),
    State.REVERTING: (EffectKind.REVERT, reverted),
}
"""Which effect's answer a state waits for, and the rule that reads it."""
