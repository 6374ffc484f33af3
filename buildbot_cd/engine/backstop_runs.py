# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the backstop: begun in a transaction, moved along by looking at rows, like the gate's, at lowest priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import Effect, EffectKind
from buildbot_cd.engine.check_parts import GENERATIONS
from buildbot_cd.engine.refs import branch_of
from buildbot_cd.store.rows import PlannedTest, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.landing.values import Gate
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Run

BUILDER, EXPLAINER = "cd-backstop", "cd-explain"

PRIORITY = -100
"""Of build requests: behind everything that somebody waits for."""

EVERYTHING = "The backstop\n\nRun-All: yes\n"
"""The words by which a selection takes every test."""


def build(
    tx: Tx, gate: Gate, key: str, builder: str, revision: str, trunk: str, properties: dict[str, Any], now: float
) -> None:
    """Ask for one build; harmless when asked before."""
    payload = {
        "builder": builder,
        "revision": revision,
        "branch": branch_of(tx, gate.name, revision, trunk),
        "properties": properties,
        "priority": PRIORITY,
    }
    tx.outbox.put(gate.name, None, Effect(EffectKind.BUILD, key, payload), gate.epoch, now)


def begin(tx: Tx, gate: Gate, kind: str, revision: str, now: float) -> Run:
    """A new run of this kind on this revision, without tests yet."""
    last = tx.runs.newest(gate.name, kind)
    number = 1 if last is None else int(last.key.rsplit("/", 1)[1]) + 1
    return tx.runs.create(f"{gate.name}/{kind}/{number}", gate.name, None, kind, revision, now)


def begin_full(tx: Tx, gate: Gate, revision: str, trunk: str, now: float) -> Run:
    """Everything that the revision has; what that is says a build that collects."""
    run = begin(tx, gate, "backstop", revision, now)
    properties = {"cd_run": run.id, "cd_comment": EVERYTHING}
    build(tx, gate, f"{run.key}#plan", "cd-plan", revision, trunk, properties, now)
    return run


def begin_these(
    tx: Tx, gate: Gate, kind: str, revision: str, tests: Sequence[PlannedTest], why: str, now: float
) -> Run:
    """Exactly these tests; their shards come with the next `move`."""
    run = begin(tx, gate, kind, revision, now)
    told = {"everything": None, "chosen": [[one.nid, [why]] for one in tests], "left_out": [], "missing_tags": []}
    tx.runs.plan(run.id, tests, told, None, now)
    return run


def move(tx: Tx, gate: Gate, run: Run, pool: Sequence[str], trunk: str, now: float) -> bool:
    """Do what the run needs next; True in the one call by which it ends."""
    if run.state is RunState.DONE:
        return False
    if run.state is RunState.PLANNING:
        plan = tx.outbox.get(f"{run.key}#plan")
        gone = plan is None or plan.result is not None
        return gone and tx.runs.finish(run.id, now, "the tests could not be selected: see the cd-plan build")
    counts = tx.runs.counts(run.id)
    if not counts.waiting and not counts.claimed:
        return tx.runs.finish(run.id, now)
    generation = _generation(tx, run)
    if generation is None:
        return False
    if generation > GENERATIONS:
        return tx.runs.finish(run.id, now, f"{GENERATIONS} rounds of shards ended before the tests did")
    for worker in pool if generation > 1 else ():
        tx.runs.release(run.id, worker)
    _shards(tx, gate, run, generation, min(counts.waiting + counts.claimed, len(pool)), trunk, now)
    return False


def _generation(tx: Tx, run: Run) -> int | None:
    """The number of the next round of shards; None while some of the last one run."""
    number = 0
    while (first := tx.outbox.get(f"{run.key}#shard0.{number + 1}")) is not None:
        number += 1
        place, part = 0, tx.outbox.get(first.key)
        while part is not None:
            if part.result is None:
                return None
            place += 1
            part = tx.outbox.get(f"{run.key}#shard{place}.{number}")
    return number + 1


def _shards(tx: Tx, gate: Gate, run: Run, generation: int, count: int, trunk: str, now: float) -> None:
    left = tx.runs.tests(run.id) if run.kind == "bisect" else ()
    avoid = left[0].avoid_worker or "" if left else ""
    for number in range(count):
        key = f"{run.key}#shard{number}.{generation}"
        build(tx, gate, key, BUILDER, run.revision, trunk, {"cd_run": run.id, "cd_avoid": avoid}, now)
