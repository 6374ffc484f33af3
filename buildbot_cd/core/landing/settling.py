# SPDX-License-Identifier: GPL-2.0-only
"""DEPLOYING -> SETTLING -> LIVE: the whole fleet has the release and is watched on, while the next one is deployed.

A landing that settles holds no slot. One settles at a time: when the next one is on the whole fleet too, no host is
left that carries the first alone, so nothing more can be learnt of it by itself, and it is live.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.moves import Move, Policy, effect_of, enter, halted_gate, key_of, mark, notice
from buildbot_cd.core.landing.taking_back import settling, take_back
from buildbot_cd.core.landing.values import EffectKind, Landing, Mode, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping


def everywhere(snapshot: Snapshot, landing: Landing, policy: Policy, now: float, reason: str) -> Move:
    """The whole fleet has the release: the deploy slot is free, and the landing settles or, where none does, is live.

    Whoever settled until now is live.
    """
    before = settling(snapshot)
    over = f"landing {landing.id} took its place on the whole fleet; nothing was seen against it until then"
    done = None if before is None else live(snapshot, before, now, over)
    known = snapshot if done is None or done.gate is None else replace(snapshot, gate=done.gate)
    last = _settle(landing, now, reason) if policy.settle > 0 else live(known, landing, now, reason)
    return replace(
        last,
        landings=(*(done.landings if done else ()), *last.landings),
        gate=last.gate or (done.gate if done else None),
        free=((Slot.DEPLOY, landing.id),),
        effects=(*(done.effects if done else ()), *last.effects),
        drop=() if before is None else (before.id,),
    )


def _settle(landing: Landing, now: float, reason: str) -> Move:
    after = enter(landing, State.SETTLING, now, f"{reason}; it is watched on", infra_attempts=0)
    rollout = key_of(landing, EffectKind.ROLLOUT)
    ask = effect_of(after, EffectKind.WATCH, candidate=landing.candidate, rollout=rollout)
    return Move(reason, landings=(after,), effects=(ask, notice(after, "settling")))


def live(snapshot: Snapshot, landing: Landing, now: float, reason: str) -> Move:
    """The landing has ended well."""
    ended = enter(landing, State.LIVE, now, reason)
    gate = replace(snapshot.gate, live=landing.candidate)
    marked = mark(gate, "live", landing.candidate, snapshot.gate.live)
    return Move(reason, landings=(ended,), gate=gate, effects=(marked, notice(ended, "live")))


def settled(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The watch of the whole fleet ended. ``result``: {verdict: live | regression | infra, failing: [...], reason}.

    Without an answer it is watched again; after some tries the gate is halted, so that a person looks. Once a person
    has resumed the gate, the landing is live with what is known: it has passed the watches of its rollout.
    """
    verdict, reason = result.get("verdict"), str(result.get("reason") or "the watch ended without a verdict")
    if verdict == "live":
        return live(snapshot, landing, now, reason)
    if verdict == "regression":
        return take_back(snapshot, landing, now, reason, tuple(str(one) for one in result.get("failing", ())))
    halted = snapshot.gate.mode is Mode.HALTED
    if landing.infra_attempts > policy.infra_attempts and not halted:
        return live(snapshot, landing, now, f"not watched to the end: {reason}")
    pause = min(policy.backoff * 2**landing.infra_attempts, policy.backoff_most)
    again = replace(landing, infra_attempts=landing.infra_attempts + 1)
    asked = dict(snapshot.intents[key_of(landing, EffectKind.WATCH)].payload)
    ask = effect_of(again, EffectKind.WATCH, **{**asked, "after": now + pause})
    if landing.infra_attempts < policy.infra_attempts or halted:
        return Move(reason, landings=(again,), effects=(ask, notice(again, "held", reason=reason)))
    gate = halted_gate(snapshot.gate, f"landing {landing.id} cannot be watched on the whole fleet: {reason}")
    return Move(reason, landings=(again,), gate=gate, effects=(ask, notice(again, "halted", reason=reason)))
