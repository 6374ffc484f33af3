# SPDX-License-Identifier: GPL-2.0-only
"""One move into one transaction, and the loop's single step: read, decide, write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.control import thaw
from buildbot_cd.core.landing.decide import decide
from buildbot_cd.core.landing.ingest import EMERGENCY_OPTION, Known, observed
from buildbot_cd.core.landing.moves import EMERGENCY, enter
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.reland import relanded
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Intent, IntentState, State
from buildbot_cd.engine import incidents
from buildbot_cd.engine.candidates import unneeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.moves import Move, NewLanding, Policy
    from buildbot_cd.core.landing.values import Landing, Snapshot
    from buildbot_cd.store.interface import Tx

DROPPABLE = frozenset(
    {
        EffectKind.CANDIDATE,
        EffectKind.CHECKS,
        EffectKind.CONFIRM,
        EffectKind.STAGE,
        EffectKind.ROLLOUT,
        EffectKind.ROLLBACK,
        EffectKind.WATCH,
        EffectKind.BUILD,
    }
)
"""Effects that stop to matter when their landing goes another way; a revert, a mark or a message always goes out."""


LOOKS = 2
"""Unfinished looks at trunk at a time: the one that runs, and the one that sees what came meanwhile."""

NOBODY = People()
"""Everybody goes by their address, and nobody may use the fast lane."""

UNFINISHED = frozenset({IntentState.PENDING, IntentState.STARTED})


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction did: the move, the intents it made obsolete (their builds may be stopped), all landings
    that it changed or added, as they are stored now, and the incidents that it opened.
    """

    move: Move
    dropped: tuple[Intent, ...] = ()
    landings: tuple[Landing, ...] = ()
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """Whether an effect's answer counted, and what followed from it in the same transaction."""

    counted: bool
    applied: Applied | None = None
    incident: Incident | None = None


def apply(tx: Tx, snapshot: Snapshot, move: Move, now: float) -> Applied:
    """Write the move. Raises StaleVersion or SlotTaken if somebody else was faster: then nothing is written."""
    name, epoch = snapshot.gate.name, snapshot.gate.epoch
    dropped = _drop(tx, move.drop, now)
    for slot, ident in move.free:
        tx.slots.free(name, slot, ident)
    if move.gate is not None:
        epoch = tx.gates.update(move.gate).epoch
    written = [
        tx.landings.update(changed, actor=move.actor, reason=changed.reason or move.reason, at=now)
        for changed in move.landings
    ]
    for slot, ident in move.take:
        tx.slots.take(name, slot, ident, now)
    written += [_add(tx, name, new, now) for new in move.new]
    for ident, test in move.flaky:
        tx.trust.flaked(name, test, ident, now)
    for owner, effect in move.effects:
        tx.outbox.put(name, owner, effect, epoch, now)
    if any(one.state.terminal for one in written):
        for effect in unneeded(tx, move.gate or snapshot.gate):
            tx.outbox.put(name, None, effect, epoch, now)
    return Applied(move, dropped, tuple(written), incidents.opened(tx, move, written, now))


def _add(tx: Tx, gate: str, new: NewLanding, now: float) -> Landing:
    before = tx.landings.taken_back(gate, new.patch, new.named) if new.cause is None else None
    wrong = before is not None and tx.trust.called_wrong(before.id)
    new = relanded(new, before, new.retry or ("its revert was called wrong" if wrong else ""))
    added = tx.landings.add(
        gate,
        new.base,
        new.head,
        new.engineer,
        new.subject,
        new.message,
        now,
        new.priority,
        patch=new.patch,
        relands=new.relands,
        emergency=new.emergency,
    )
    if added.state is not State.QUEUED or (new.cause is None and new.refused is None):
        return added
    if new.refused is not None:
        gone = replace(added, revert_kind="reland", failing=new.refused, reason=new.reason)
    else:
        gone = enter(
            added, State.REVERTED, now, new.reason, cause=new.cause, revert=new.revert, revert_kind="dependent"
        )
    return tx.landings.update(gone, actor="gate", reason=new.reason, at=now)


def _drop(tx: Tx, landings: tuple[int, ...], now: float) -> tuple[Intent, ...]:
    gone = [
        intent
        for intent in (tx.outbox.of_landings(landings) if landings else ())
        if intent.kind in DROPPABLE and intent.state in UNFINISHED
    ]
    for intent in gone:
        tx.outbox.drop(intent.key, now)
    return tuple(gone)


def step(gate: str, policy: Policy, now: float) -> Callable[[Tx], Applied | None]:
    """The reconciler's transaction: the one next move of the gate, or None if it has to wait."""

    def run(tx: Tx) -> Applied | None:
        snapshot = tx.snapshot(gate)
        move = thaw(snapshot, now) or decide(snapshot, policy, now)
        return None if move is None else apply(tx, snapshot, move, now)

    return run


def order(
    gate: str, rule: Callable[[Snapshot], Move | None], now: float, check: Callable[[Tx], None] | None = None
) -> Callable[[Tx], Applied | None]:
    """A person's order as a transaction; ``check`` and ``rule`` may raise ControlRefused, and then nothing happens."""

    def run(tx: Tx) -> Applied | None:
        if check is not None:
            check(tx)
        snapshot = tx.snapshot(gate)
        move = rule(snapshot)
        return None if move is None else apply(tx, snapshot, move, now)

    return run


def answer(
    gate: str, key: str, result: Mapping[str, Any], now: float, people: People = NOBODY
) -> Callable[[Tx], Answered]:
    """Record an effect's result; an observation of trunk is taken in by the same transaction.

    It does not count if it came too late (done already, dropped, or never asked): then it changes nothing.
    """

    def run(tx: Tx) -> Answered:
        intent = tx.outbox.get(key)
        if intent is None or not tx.outbox.finish(key, result, now):
            return Answered(counted=False)
        if intent.kind is EffectKind.PROOF:
            return Answered(counted=True, incident=incidents.settle(tx, intent, result, now))
        if intent.kind is EffectKind.MARK and "stale" in result and intent.payload["new"] is not None:
            _mark_again(tx, intent, result["stale"], now)
        if intent.kind is EffectKind.OBSERVE and "tip" in result:
            snapshot = tx.snapshot(gate)
            move = observed(snapshot.gate, result, _known(tx, gate, result), people)
            if move is not None:
                return Answered(counted=True, applied=apply(tx, snapshot, move, now))
        return Answered(counted=True)

    return run


def _mark_again(tx: Tx, intent: Intent, found: str | None, now: float) -> None:
    """A ref stands elsewhere than was thought, as before the first mark: set it from there, if the gate still wants it.

    The database is the truth and the ref its picture. Once for each value found, so two that differ do not quarrel.
    """
    gate, name = tx.gates.get(intent.gate), str(intent.payload["ref"]).removeprefix("refs/cd/")
    if gate is not None and getattr(gate, name, None) == intent.payload["new"]:
        key = f"{gate.name}/mark/{name}/{gate.epoch}/{intent.payload['new']}/over/{found}"
        tx.outbox.put(gate.name, None, Effect(EffectKind.MARK, key, {**intent.payload, "old": found}), gate.epoch, now)


def _known(tx: Tx, gate: str, result: Mapping[str, Any]) -> Known:
    """Which of the observed commits the gate has pushed itself, or has as landings already.

    A commit is the gate's own if the git program found it under the gate's refs, or if its sha is the one that the
    answer of the revert it names has recorded. The trailer alone proves nothing, since anybody can write one: while
    that revert has not answered, the commit may be either.
    """
    ours, heads, unsure = set(), set(), set()
    for commit in result.get("commits", ()):
        sha = str(commit["sha"])
        if tx.landings.by_head(gate, sha) is not None:
            heads.add(sha)
        for key in (commit.get("trailers") or {}).get("CD-Reverts-Entry", ()):
            reverts = _reverts_like(tx, str(key))
            if commit.get("ours") is True or any(_pushed_by(one, sha) for one in reverts):
                ours.add(sha)
            elif any(one.state in UNFINISHED for one in reverts):
                unsure.add(sha)
    pushes = tx.pushes.of_heads(gate, [str(commit["sha"]) for commit in result.get("commits", ())])
    return Known(frozenset(ours), frozenset(heads), frozenset(unsure - ours), pushes)


def _pushed_by(revert: Intent, sha: str) -> bool:
    """Whether this revert pushed that commit. Where trunk needed none, the answer names its tip, which is anybody's."""
    found = revert.result or {}
    return found.get("sha") == sha and not found.get("already")


def _reverts_like(tx: Tx, key: str) -> tuple[Intent, ...]:
    """All requests to revert the landing of the request with this key."""
    intent = tx.outbox.get(key)
    if intent is None or intent.kind is not EffectKind.REVERT or intent.landing is None:
        return ()
    return tuple(one for one in tx.outbox.of_landings((intent.landing,)) if one.kind is EffectKind.REVERT)


def pushed(gate: str, push: Push, now: float, people: People = NOBODY) -> Callable[[Tx], bool]:
    """The git server's hook tells of a push, before or after trunk shows it; False if it had told of it before.

    Trunk is the truth: a push that never shows there is never a landing.
    """

    def run(tx: Tx) -> bool:
        if not tx.pushes.record(gate, push, now):
            return False
        landing = tx.landings.by_head(gate, push.head)
        why = (push.options.get(EMERGENCY_OPTION) or "").strip()
        if landing is not None and landing.state is State.QUEUED and why and people.may_hurry(push):
            fast = replace(landing, priority=EMERGENCY, emergency=why)
            tx.landings.update(fast, actor=people.called(push.who), reason=f"emergency: {why}", at=now)
        return True

    return run


def ensure_gate(name: str) -> Callable[[Tx], Gate]:
    """The gate's row, made at the first start."""

    def run(tx: Tx) -> Gate:
        return tx.gates.get(name) or tx.gates.create(Gate(name))

    return run


def ask_look(name: str, now: float, why: str, *, news: bool = True) -> Callable[[Tx], bool]:
    """Ask for a look at trunk, unless one that will see it all is asked for already.

    Looks go one after the other. With ``news`` a look that has begun may have been too early, so one more is asked for,
    but never a third; the regular look only wants that somebody looks, so that a slow git server is not buried in them.
    """

    def run(tx: Tx) -> bool:
        waiting = [one for one in tx.outbox.unfinished(name) if one.kind is EffectKind.OBSERVE]
        begun = all(one.state is IntentState.STARTED for one in waiting)
        if waiting and not (news and begun and len(waiting) < LOOKS):
            return False
        gate = tx.gates.get(name)
        key = f"{name}/observe/{now:.3f}"
        effect = Effect(EffectKind.OBSERVE, key, {"why": why})
        tx.outbox.put(name, None, effect, gate.epoch if gate else 0, now)
        return True

    return run
