# SPDX-License-Identifier: GPL-2.0-only
"""How many test workers are enough for the gate, from its recorded runs, as a JSON object."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.dispatch import Speed, Work, relative
from buildbot_cd.core.dispatch.capacity import Recorded, enough, splits, usual_and_late
from buildbot_cd.store.rows import BLOCKED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import RunTest

BUDGET = 720.0
"""Seconds that a run may take where cd.yaml does not say."""

OVERHEAD = 0.3
"""Seconds that a chunk costs as long as none was measured."""

START = 2.0
"""Seconds from a worker's start to its first test."""

RUNS, TESTS = 20, 10_000
"""So many of the newest runs are played, and so many of their tests in all: two seconds of a master's processor."""

MOST = 200
"""No more workers than so many are tried."""


def capacity_view(tx: Tx, gate: str, lens: Lens) -> dict[str, Any] | None:
    """What the number of workers does to the length of a run; None if there is no such gate."""
    if tx.gates.get(gate) is None:
        return None
    newest = tx.runs.recent(gate, "gate", 1)
    budget = BUDGET if lens.budget is None else lens.budget
    return lens.memory.capacity.get((gate, newest, budget), lens.now, partial(_view, tx, gate, budget, lens.now))


def _view(tx: Tx, gate: str, budget: float, now: float) -> dict[str, Any]:
    runs, overhead = recorded(tx, gate, RUNS, TESTS), chunk_cost(tx, gate)
    told = {"gate": gate, "budget": budget, "runs": len(runs), "most": MOST, "overhead": overhead, "now": now}
    if not runs:
        return {**told, "workers": None, "today": 0, "tried": [], "split": []}
    found = enough(runs, budget, MOST, START, overhead)
    today = len(tx.runs.worked(tx.runs.recent(gate, "gate", 1)[0])[1])
    tried = {workers: (usual, late) for workers, usual, late in found.tried}
    if today and today not in tried:
        tried[today] = usual_and_late(runs, today, START, overhead)
    return {
        **told,
        "workers": found.workers,
        "today": today,
        "tried": [{"workers": one, "p50": tried[one][0], "p95": tried[one][1]} for one in sorted(tried)],
        "split": [asdict(one) for one in splits(runs, found.workers or MOST)],
    }


def recorded(tx: Tx, gate: str, limit: int, tests: int | None = None) -> list[Recorded]:
    """The newest finished runs of the gate, up to so many; ``tests``: and up to so many tests of them all."""
    known = {name: Speed(*row) for name, row in tx.durations.speeds(gate).items()}
    speeds = relative(known, known)
    found: list[Recorded] = []
    room = tests
    for ident in tx.runs.recent(gate, "gate", 10 * limit):
        made = _run(tx.runs.tests(ident), speeds)
        if room is not None and found and len(made.works) > room:
            break
        if made.works:
            found.append(made)
            room = None if room is None else room - len(made.works)
        if len(found) == limit:
            break
    return found


def chunk_cost(tx: Tx, gate: str) -> float:
    """The seconds that a chunk costs beside its tests, the mean of the gate's workers."""
    costs = [cost for _, _, cost in tx.durations.speeds(gate).values() if cost is not None]
    return sum(costs) / len(costs) if costs else OVERHEAD


def _run(tests: Sequence[RunTest], speeds: Mapping[str, float]) -> Recorded:
    ran = [one for one in tests if one.seconds is not None and one.outcome not in (BLOCKED, "missing")]
    works = [Work(one.nid, one.nid.partition(":")[2].partition("::")[0], tuple(one.requires), one.group) for one in ran]
    took = {one.nid: max(one.seconds or 0.0, 1e-6) * speeds.get(one.worker or "", 1.0) for one in ran}
    return Recorded(works, {one.nid: one.estimate for one in ran}, took)
