# SPDX-License-Identifier: GPL-2.0-only
"""The deploy slot's side: PASSED -> DEPLOYING -> SETTLING or LIVE, and the way back over ROLLING_BACK."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.admission import passes
from buildbot_cd.core.landing.moves import (
    EMERGENCY,
    Move,
    Policy,
    effect_of,
    enter,
    halted_gate,
    key_of,
    mark,
    notice,
    staged_early,
    staging,
)
from buildbot_cd.core.landing.reverting import begin_revert, may_revert
from buildbot_cd.core.landing.settling import everywhere
from buildbot_cd.core.landing.taking_back import base_of, take_back
from buildbot_cd.core.landing.testing import halt
from buildbot_cd.core.landing.values import BLOCKING, Effect, EffectKind, Landing, Mode, Slot, Snapshot, State
from buildbot_cd.core.landing.windows import Window, in_force

if TYPE_CHECKING:
    from collections.abc import Mapping


def why_not_deploying(snapshot: Snapshot, landing: Landing, windows: tuple[Window, ...] = (), now: float = 0.0) -> str:
    """Why a passed landing does not enter deployment now; empty if it does."""
    closed = in_force(windows, now)
    if closed is not None and landing.priority < EMERGENCY:
        return f"nothing is deployed now: {closed[0].reason or 'a window of gate.windows'}"
    if snapshot.gate.mode is not Mode.DRAIN and not passes(snapshot.gate, landing):
        return f"the gate is {snapshot.gate.mode}: {snapshot.gate.mode_reason}"
    for one in snapshot.landings:
        if one.state in BLOCKING and one.id != landing.id:
            return f"landing {one.id} is {one.state.replace('_', ' ')}"
    holder = snapshot.holder(Slot.DEPLOY)
    return f"landing {holder.id} is still being deployed" if holder else ""


def deploy(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move | None:
    """Take the deploy slot and free the test slot in one step: the next engineer enters while this one deploys."""
    held = landing.not_before is not None and now < landing.not_before
    if held or why_not_deploying(snapshot, landing, policy.windows if policy.deploys else (), now):
        return None
    gate = snapshot.gate
    ahead = replace(gate, tested=landing.candidate)
    free = ((Slot.TEST, landing.id),)
    marked = mark(ahead, "tested", landing.candidate, gate.tested)
    if not policy.deploys:
        live = enter(landing, State.LIVE, now, "passed; deployment is not configured here")
        ahead = replace(ahead, live=landing.candidate)
        return Move("passed", landings=(live,), gate=ahead, free=free, effects=(marked,))
    deploying = enter(landing, State.DEPLOYING, now, "its release goes to the fleet", infra_attempts=0)
    return Move(
        "enters deployment",
        landings=(deploying,),
        gate=ahead,
        take=((Slot.DEPLOY, landing.id),),
        free=free,
        effects=(*rollout(snapshot, deploying), marked),
    )


def rollout(snapshot: Snapshot, landing: Landing, **more: Any) -> tuple[tuple[int, Effect], ...]:
    """The effects that bring the landing to the fleet: its release to the hosts, unless that was done or begun while it
    was tested, and the rollout, which waits for it.
    """
    early = snapshot.intents.get(staged_early(landing)) if not landing.infra_attempts else None
    failed = early is not None and early.result is not None and not early.result.get("ok")
    key = key_of(landing, EffectKind.STAGE) + ("/again" if failed else "")
    stage = () if early is not None and not failed else (staging(landing, key),)
    told = {"candidate": landing.candidate, "live": base_of(snapshot, landing), "staged_by": key, **more}
    return (*stage, effect_of(landing, EffectKind.ROLLOUT, **told))


def deployed(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The rollout ended. ``result``: {verdict: live | regression | infra, failing: [...], reason}."""
    verdict, reason = result.get("verdict"), str(result.get("reason") or "the rollout ended without a verdict")
    if verdict == "live":
        return everywhere(snapshot, landing, policy, now, reason)
    if verdict == "regression":
        failing = tuple(str(one) for one in result.get("failing", ()))
        return take_back(snapshot, landing, now, reason, failing)
    if landing.infra_attempts >= policy.infra_attempts:
        return halt(snapshot, landing, now, f"{reason}; tried {landing.infra_attempts + 1} times")
    pause = min(policy.backoff * 2**landing.infra_attempts, policy.backoff_most)
    again = replace(landing, infra_attempts=landing.infra_attempts + 1, reason=reason, not_before=now + pause)
    effects = (*rollout(snapshot, again, after=now + pause), notice(again, "held", reason=reason))
    return Move(reason, landings=(again,), effects=effects)


def rolled_back(
    snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float
) -> Move | None:
    """Every host is back (then the commit is reverted), or some are not (then again, for as long as it takes).

    After some tries the gate is halted too, so that people are called; production is tried on all the same.
    """
    if result.get("ok"):
        return _out_of_production(snapshot, landing, result, policy, now)
    pause = min(policy.backoff * 2**landing.infra_attempts, policy.backoff_most)
    again = replace(landing, infra_attempts=landing.infra_attempts + 1)
    reason = str(result.get("reason") or "some hosts could not be rolled back")
    payload = {**snapshot.intents[key_of(landing, EffectKind.ROLLBACK)].payload, "after": now + pause, "reason": reason}
    ask = effect_of(again, EffectKind.ROLLBACK, **payload)
    if landing.infra_attempts < policy.infra_attempts:
        return Move(reason, landings=(again,), effects=(ask, notice(again, "held", reason=reason)))
    gate = halted_gate(snapshot.gate, f"landing {landing.id} cannot be taken out of production: {reason}")
    return Move(reason, landings=(again,), gate=gate, effects=(ask, notice(again, "halted", reason=reason)))


def _out_of_production(
    snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float
) -> Move | None:
    """Tell that no host carries it any more, at once, and revert its commits as soon as that may be."""
    more = {name: result[name] for name in ("hosts", "fleet", "rollout") if name in result}
    owner, told = notice(landing, "rolled_back", failing=list(landing.failing), **more)
    if may_revert(snapshot, landing):
        move = begin_revert(snapshot, landing, "deploy", landing.failing, landing.reason, policy, now)
        return replace(move, effects=(*move.effects, (owner, told)))
    return None if told.key in snapshot.intents else Move(landing.reason, landings=(landing,), effects=((owner, told),))
