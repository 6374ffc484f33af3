# SPDX-License-Identifier: GPL-2.0-only
"""Taking a landing back: caps, the request to the git program, and what its answer means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.moves import Move, Policy, effect_of, enter, notice
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Landing, Mode, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping


def cap_reached(snapshot: Snapshot, policy: Policy, now: float) -> str:
    """Why no further automatic revert is allowed now; empty if one is. Many reverts mean broken surroundings."""
    for most, span, word in ((policy.reverts_per_hour, 3600.0, "hour"), (policy.reverts_per_day, 86400.0, "day")):
        done = sum(1 for at in snapshot.reverts if at > now - span)
        if done >= most:
            return f"{done} reverts within the last {word} (gate.reverts.per_{word} is {most}): look before going on"
    return ""


def another_reverts(snapshot: Snapshot, landing: Landing) -> bool:
    """True while another landing is being taken back: reverts go one after the other, each on the trunk it leaves."""
    return any(one.state is State.REVERTING and one.id != landing.id for one in snapshot.landings)


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

    ``kind`` is test, deploy, dependent or withdraw; it becomes the trailer ``CD-Auto-Revert``.
    """
    wanted = replace(landing, failing=failing or landing.failing, revert_kind=kind)
    capped = "" if kind == "withdraw" else cap_reached(snapshot, policy, now)
    if capped:
        halted = enter(wanted, State.HALTED, now, f"{reason}; not reverted: {capped}")
        gate = replace(snapshot.gate, mode=Mode.HALTED, mode_by="gate", mode_reason=capped)
        return Move(capped, landings=(halted,), gate=gate, effects=(notice(halted, "halted", reason=capped),))
    reverting = enter(wanted, State.REVERTING, now, reason)
    return Move(reason, landings=(reverting,), effects=(_request(snapshot, reverting, policy, now),))


def _request(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> tuple[int, Effect]:
    """The order to the git program: every open landing that ``tested`` does not hold survives, but this one."""
    deploying = snapshot.slots.get(Slot.DEPLOY)
    survivors = [
        {"id": one.id, "base": one.base, "head": one.head}
        for one in sorted(snapshot.landings, key=lambda one: one.id)
        if one.id not in (landing.id, deploying) and one.state is not State.REVERTING
    ]
    return effect_of(
        landing,
        EffectKind.REVERT,
        tested=snapshot.gate.tested,
        known_tip=snapshot.gate.trunk,
        bad=[{"id": landing.id, "base": landing.base, "head": landing.head}],
        survivors=survivors,
        subject=landing.subject,
        because=landing.revert_kind,
        failing=list(landing.failing),
        reason=landing.reason,
        candidate=landing.candidate,
        when=int(now),
        shadow=policy.shadow,
    )


def reverted(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], now: float) -> Move:
    """The git program answered. ``result``: {sha, evicted: [{id, paths}]} or {refused} or {error}."""
    if "sha" not in result:
        refused = str(result.get("refused") or result.get("error") or "no answer")
        return _cannot(snapshot, landing, now, f"the revert could not be pushed: {refused}")
    sha = str(result["sha"])
    done = enter(landing, State.REVERTED, now, landing.reason, revert=sha)
    evicted = [_evict(snapshot, one, landing, sha, now) for one in result.get("evicted", ())]
    gone = [one for one in evicted if one is not None]
    slots = [(slot, held) for slot, held in snapshot.slots.items() if held == landing.id]
    look = Effect(EffectKind.OBSERVE, f"{landing.gate}/observe/after-{sha}")
    notices = [notice(done, "reverted", sha=sha, failing=list(landing.failing))]
    notices += [notice(one, "evicted", sha=sha, cause=landing.id) for one in gone]
    return Move(
        f"taken back by {sha[:12]}",
        landings=(done, *gone),
        gate=_anchored(snapshot, {done.id, *(one.id for one in gone)}, result),
        free=tuple(slots),
        effects=((None, look), *notices),
        drop=tuple(one.id for one in gone),
    )


def _evict(snapshot: Snapshot, entry: Mapping[str, Any], cause: Landing, sha: str, now: float) -> Landing | None:
    found = snapshot.landing(int(entry["id"]))
    if found is None:
        return None
    paths = ", ".join(str(one) for one in entry.get("paths", ())) or "it"
    reason = f"{paths} builds on landing {cause.id}, which was taken back; push it again once that is back"
    return enter(found, State.REVERTED, now, reason, revert=sha, cause=cause.id, revert_kind="dependent")


def _anchored(snapshot: Snapshot, ended: set[int], result: Mapping[str, Any]) -> Gate | None:
    """With nothing else on trunk, its tip holds the tested tree: it becomes the tested commit itself."""
    rest = [one for one in snapshot.landings if one.id not in ended]
    if rest or result.get("unseen") or not result.get("sha"):
        return None
    gate, sha = snapshot.gate, str(result["sha"])
    return replace(gate, tested=sha, live=sha if gate.live == gate.tested else gate.live)


def _cannot(snapshot: Snapshot, landing: Landing, now: float, reason: str) -> Move:
    halted = enter(landing, State.HALTED, now, reason)
    gate = replace(snapshot.gate, mode=Mode.HALTED, mode_by="gate", mode_reason=reason)
    return Move(reason, landings=(halted,), gate=gate, effects=(notice(halted, "halted", reason=reason),))
