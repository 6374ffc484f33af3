# SPDX-License-Identifier: GPL-2.0-only
"""What the git program's answer to a revert means for the landing, and for those that went along with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.ingest import seen_from
from buildbot_cd.core.landing.moves import Move, NewLanding, Policy, enter, halted_gate, key_of, mark, notice
from buildbot_cd.core.landing.reverting import ask_again
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Landing, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def reverted(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The git program answered: {sha, evicted, unseen}, {shadow}, {refused} or {error}."""
    if result.get("shadow"):
        shadowed = enter(landing, State.REVERTED, now, f"shadow: would have been taken back: {landing.reason}")
        return _finish(snapshot, shadowed, result, policy)
    if "sha" in result:
        done = enter(landing, State.REVERTED, now, landing.reason, revert=str(result["sha"]))
        return _finish(snapshot, done, result, policy)
    if "refused" not in result and landing.infra_attempts < policy.infra_attempts:
        return ask_again(snapshot, landing, policy, now, f"the revert got no answer: {result.get('error', 'nothing')}")
    why = str(result.get("refused") or result.get("error") or "no answer")
    reason = f"the revert could not be pushed: {why}"
    halted = enter(landing, State.HALTED, now, reason)
    gate = halted_gate(snapshot.gate, f"landing {landing.id}: {reason}")
    return Move(reason, landings=(halted,), gate=gate, effects=(notice(halted, "halted", reason=reason),))


def _finish(snapshot: Snapshot, done: Landing, result: Mapping[str, Any], policy: Policy) -> Move:
    """The landing has ended, and what depended on it: their slots are free, and trunk is looked at again."""
    sha = done.revert
    named = {int(one["id"]): one for one in result.get("evicted", ())}
    whole = [_evict(one, named[one.id], done) for one in snapshot.landings if one.id in named]
    whole += _followers(snapshot, done)
    late, halves = _late(snapshot, done, result, policy)
    gone = [*whole, *(one for one in late if isinstance(one, Landing))]
    ended = {done.id, *(one.id for one in gone)}
    gate, marks = _anchored(snapshot, ended | {one.id for one in halves}, result, sha)
    if sha is not None:
        tip = str(result.get("tip") or sha)
        gate = replace(gate or snapshot.gate, pushed=None if tip == snapshot.gate.trunk else tip)
    look = Effect(EffectKind.OBSERVE, f"{done.gate}/observe/after-{sha or f'shadow-{done.id}'}")
    notices = [notice(done, "reverted", sha=sha, failing=list(done.failing))]
    notices += [notice(one, "evicted", sha=sha, cause=done.id) for one in gone]
    return Move(
        f"taken back by {sha[:12]}" if sha else done.reason,
        landings=(done, *gone, *halves),
        gate=gate,
        free=tuple((slot, held) for slot, held in snapshot.slots.items() if held in ended),
        effects=((None, look), *marks, *notices),
        drop=tuple(one.id for one in gone),
        new=tuple(one for one in late if isinstance(one, NewLanding)),
    )


def _followers(snapshot: Snapshot, done: Landing) -> list[Landing]:
    """The same engineer's later pushes that the revert was asked to take along; none in shadow, where nothing went."""
    if done.revert is None:
        return []
    asked = snapshot.intents[key_of(done, EffectKind.REVERT)].payload["bad"]
    gone = {int(one["id"]) for one in asked} - {done.id}
    reason = f"it was pushed on top of landing {done.id} by the same engineer, and that was taken back; push both again"
    return [
        enter(one, State.REVERTED, done.since, reason, revert=done.revert, cause=done.id, revert_kind="dependent")
        for one in snapshot.landings
        if one.id in gone
    ]


def _evict(one: Landing, entry: Mapping[str, Any], cause: Landing) -> Landing:
    kind, reason = "dependent", _why(entry, cause.id)
    return enter(one, State.REVERTED, cause.since, reason, revert=cause.revert, cause=cause.id, revert_kind=kind)


def _why(entry: Mapping[str, Any], cause: int) -> str:
    paths = ", ".join(str(one) for one in entry.get("paths") or ()) or "it"
    return f"{paths} builds on landing {cause}, which was taken back; push it again once that is back"


def _late(
    snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy
) -> tuple[list[Landing | NewLanding], list[Landing]]:
    """Commits that came to trunk after the request was made and were taken back with it.

    Landings that are wholly so have ended; of those that are partly so the rest has to be taken back too (second
    value); commits that nobody has seen yet become landings that have ended already.
    """
    strangers = {str(one["sha"]): one for one in result.get("unseen") or ()}
    lost = {name for name, one in strangers.items() if one.get("evicted")}
    whole: list[Landing | NewLanding] = []
    halves = []
    for one in snapshot.landings if lost else ():
        own = _commits_of(one, list(strangers.values()))
        if own and lost.issuperset(own):
            whole.append(_evict(one, strangers[one.head], landing))
        elif lost & set(own):
            halves.append(
                replace(one, revert_kind="dependent", cause=landing.id, reason=_why(strangers[one.head], landing.id))
            )
        lost -= set(own)
    for seen in seen_from(one for name, one in strangers.items() if name in lost):
        reason = _why(strangers[seen.sha], landing.id)
        owner = policy.people.owner(None, seen.committer, seen.author)
        push = NewLanding(seen.parent, seen.sha, owner, seen.subject, seen.message)
        whole.append(replace(push, cause=landing.id, revert=landing.revert, reason=reason))
    return whole, halves


def _commits_of(landing: Landing, strangers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The landing's commits as far as they are among these, which are in trunk's order; all of them or none."""
    at, own = landing.base, []
    for one in strangers:
        if one["parent"] == at:
            at = str(one["sha"])
            own.append(at)
            if at == landing.head:
                return own
    return []


def _anchored(
    snapshot: Snapshot, ended: set[int], result: Mapping[str, Any], sha: str | None
) -> tuple[Gate | None, list[tuple[None, Effect]]]:
    """With nothing else on trunk, its tip holds the tested tree: it becomes the tested commit itself."""
    rest = [one for one in snapshot.landings if one.id not in ended]
    if rest or sha is None or any(not one.get("evicted") for one in result.get("unseen") or ()):
        return None, []
    gate = snapshot.gate
    anchored = replace(gate, tested=sha, live=sha if gate.live == gate.tested else gate.live)
    names = ("tested", "live") if anchored.live == sha else ("tested",)
    return anchored, [mark(gate, name, sha, getattr(gate, name)) for name in names]
