# SPDX-License-Identifier: GPL-2.0-only
"""One move into one transaction, and the loop's single step: read, decide, write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.control import thaw
from buildbot_cd.core.landing.decide import decide
from buildbot_cd.core.landing.ingest import observed
from buildbot_cd.core.landing.values import EffectKind, Gate, Intent, IntentState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from buildbot_cd.core.landing.moves import Move, Policy
    from buildbot_cd.core.landing.values import Landing, Snapshot
    from buildbot_cd.store.interface import Tx

DROPPABLE = frozenset(
    {EffectKind.CANDIDATE, EffectKind.CHECKS, EffectKind.CONFIRM, EffectKind.ROLLOUT, EffectKind.BUILD}
)
"""Effects that stop to matter when their landing goes another way; a revert, a mark or a message always goes out."""


LOOKS = 2
"""Unfinished looks at trunk at a time: the one that runs, and the one that sees what came meanwhile."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction did: the move, the intents it made obsolete (their builds may be stopped), and all landings
    that it changed or added, as they are stored now.
    """

    move: Move
    dropped: tuple[Intent, ...] = ()
    landings: tuple[Landing, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """Whether an effect's answer counted, and what followed from it in the same transaction."""

    counted: bool
    applied: Applied | None = None


def apply(tx: Tx, snapshot: Snapshot, move: Move, now: float) -> Applied:
    """Write the move. Raises StaleVersion or SlotTaken if somebody else was faster: then nothing is written."""
    name, epoch = snapshot.gate.name, snapshot.gate.epoch
    dropped = _drop(tx, move.drop, now)
    for slot, landing in move.free:
        tx.slots.free(name, slot, landing)
    if move.gate is not None:
        epoch = tx.gates.update(move.gate).epoch
    written = [
        tx.landings.update(changed, actor=move.actor, reason=changed.reason or move.reason, at=now)
        for changed in move.landings
    ]
    for slot, landing in move.take:
        tx.slots.take(name, slot, landing, now)
    written += [
        tx.landings.add(name, new.base, new.head, new.engineer, new.subject, new.message, now) for new in move.new
    ]
    for owner, effect in move.effects:
        tx.outbox.put(name, owner, effect, epoch, now)
    return Applied(move, dropped, tuple(written))


def _drop(tx: Tx, landings: tuple[int, ...], now: float) -> tuple[Intent, ...]:
    gone = [
        intent
        for intent in (tx.outbox.of_landings(landings) if landings else ())
        if intent.kind in DROPPABLE and intent.state in (IntentState.PENDING, IntentState.STARTED)
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


def answer(gate: str, key: str, result: Mapping[str, Any], now: float) -> Callable[[Tx], Answered]:
    """Record an effect's result; an observation of trunk is taken in by the same transaction.

    It does not count if it came too late (done already, dropped, or never asked): then it changes nothing.
    """

    def run(tx: Tx) -> Answered:
        intent = tx.outbox.get(key)
        if intent is None or not tx.outbox.finish(key, result, now):
            return Answered(counted=False)
        if intent.kind is EffectKind.OBSERVE and "tip" in result:
            snapshot = tx.snapshot(gate)
            move = observed(snapshot.gate, result, _ours(tx, result))
            if move is not None:
                return Answered(counted=True, applied=apply(tx, snapshot, move, now))
        return Answered(counted=True)

    return run


def _ours(tx: Tx, result: Mapping[str, Any]) -> frozenset[str]:
    """The observed commits that the gate pushed itself: the sha must be the one that the revert's answer recorded.

    The trailer alone proves nothing, since anybody can write one.
    """
    ours = set()
    for commit in result.get("commits", ()):
        for key in (commit.get("trailers") or {}).get("CD-Reverts-Entry", ()):
            intent = tx.outbox.get(str(key))
            if intent is not None and (intent.result or {}).get("sha") == commit["sha"]:
                ours.add(str(commit["sha"]))
    return frozenset(ours)


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
    from buildbot_cd.core.landing.values import Effect

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
