# SPDX-License-Identifier: GPL-2.0-only
"""Test runs: planned once, claimed in chunks by any number of shards, reported test by test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch import (
    Asker,
    Estimate,
    Offer,
    Other,
    Ready,
    Work,
    assign,
    expected,
    lower_bound,
    order,
    restarted,
    updated,
)
from buildbot_cd.core.selection import (
    Change,
    PathRule,
    Selection,
    Test,
    TestRule,
    requirements,
    select,
    with_rules,
)
from buildbot_cd.store.rows import PlannedTest, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from buildbot_cd.config.repository import RepositoryConfig
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Counts, ReadyTest, Run, RunTest, TestResult

OVERHEAD = 0.7
"""Seconds that a chunk costs beside its tests: the start of a runner, and the way to the master and back."""

MISSING = "missing"
"""Outcome of a test that was asked for and gave no result."""


class TestRuns:
    """The test stage's queue, for the steps that plan and the shards that claim."""

    __test__ = False  # pytest: not a class of tests

    def __init__(
        self,
        store: Store,
        gate: str,
        workers: Callable[[], int],
        now: Callable[[], float],
        changed: Callable[[int], None],
    ) -> None:
        """``workers`` tells how many shards share a run at most; ``changed`` hears of each run that moved on."""
        self.store, self.gate, self.workers, self.now, self.changed = store, gate, workers, now, changed

    async def create(self, key: str, kind: str, revision: str) -> Run:
        """A run that belongs to no landing, such as a try build's."""
        return await self.store.transact(lambda tx: tx.runs.create(key, self.gate, None, kind, revision, self.now()))

    async def get(self, run: int) -> Run | None:
        """The run's record."""
        return await self.store.transact(lambda tx: tx.runs.get(run))

    async def plan(
        self, run: int, tests: Sequence[Test], repository: RepositoryConfig, change: Change, seconds: float
    ) -> Selection:
        """Select, estimate, order, and open the run's queue; ``seconds`` is what a worker needs before its first test.

        Raises SelectionError if tags, rules and requirements contradict each other.
        """
        ruled = with_rules(tests, test_rules(repository))
        selection = select(ruled, path_rules(repository), change, tuple(repository.tags))
        wanted = {choice.nid for choice in selection.chosen}
        needs = requirements(ruled)
        works = [
            Work(one.nid, one.path, tuple(nid for nid in needs.get(one.nid, ()) if nid in wanted), one.group)
            for one in ruled
            if one.nid in wanted
        ]
        await self.store.transact(lambda tx: self._plan(tx, run, works, selection, seconds))
        self.changed(run)
        return selection

    def _plan(self, tx: Tx, run: int, works: Sequence[Work], selection: Selection, seconds: float) -> None:
        estimates = {nid: Estimate.from_row(row) for nid, row in tx.durations.get(self.gate).items()}
        by_nid = {work.nid: work for work in works}
        planned = [
            PlannedTest(one.nid, one.seconds, one.rank, by_nid[one.nid].requires, by_nid[one.nid].group)
            for one in order(works, estimates)
        ]
        bound = lower_bound(works, expected(works, estimates), [1.0] * max(1, self.workers()), seconds)
        told = {**selection.to_json(), "bound": {"binding": str(bound.binding), "advice": bound.advice}}
        tx.runs.plan(run, planned, told, bound.seconds, self.now())

    async def plan_these(self, run: int, nids: Sequence[str], why: str) -> None:
        """Open the queue with exactly these tests; ``why`` is their reason."""
        tests = [PlannedTest(nid) for nid in dict.fromkeys(nids)]
        told = {"everything": why, "chosen": [[nid, [why]] for nid in nids], "left_out": [], "missing_tags": []}
        await self.store.transact(lambda tx: tx.runs.plan(run, tests, told, None, self.now()))
        self.changed(run)

    async def claim(self, run: int, worker: str, *, alone: bool = False) -> tuple[PlannedTest, ...]:
        """What the worker runs next, longest way to the end first; ``alone`` if no other shard shares the run."""
        shards = 1 if alone else max(1, self.workers())

        def choose(ready: Sequence[ReadyTest], remaining: float, active: int) -> Sequence[str]:
            offered = [Ready(one.nid, one.estimate, one.rank, one.group) for one in ready]
            offer = Offer(offered, remaining, [Other()] * (max(active, shards) - 1))
            return assign([Asker(worker)], offer, restarted(OVERHEAD))[worker]

        return await self.store.transact(lambda tx: tx.runs.claim(run, worker, self.now(), choose, allow_avoided=alone))

    async def report(self, run: int, worker: str, results: Sequence[TestResult]) -> None:
        """Record results and learn durations from them; a second report of the same test changes nothing."""

        def write(tx: Tx) -> None:
            first = set(tx.runs.report(run, worker, results, self.now()))
            passed = {one.nid: one.seconds for one in results if one.nid in first and one.outcome == "passed"}
            known = tx.durations.get(self.gate) if passed else {}
            tx.durations.put(self.gate, {nid: _learnt(known, nid, took) for nid, took in passed.items()})

        await self.store.transact(write)
        self.changed(run)

    async def release(self, run: int, worker: str) -> None:
        """The worker's shard ends: what it did not finish waits again."""
        await self.store.transact(lambda tx: tx.runs.release(run, worker))
        self.changed(run)

    async def counts(self, run: int) -> Counts:
        """How many tests are in which state."""
        return await self.store.transact(lambda tx: tx.runs.counts(run))

    async def tests(self, run: int) -> tuple[RunTest, ...]:
        """The run's tests as they stand."""
        return await self.store.transact(lambda tx: tx.runs.tests(run))

    async def finish(self, run: int, error: str = "") -> None:
        """End the run; ``error`` says why it has no answer."""
        await self.store.transact(lambda tx: tx.runs.finish(run, self.now(), error))
        self.changed(run)


def _learnt(known: Mapping[str, tuple[float, float, float]], nid: str, took: float) -> tuple[float, float, float]:
    row = known.get(nid)
    return updated(Estimate.from_row(row) if row else None, took).to_row()


def path_rules(repository: RepositoryConfig) -> list[PathRule]:
    """The rules of .buildbot-cd.yaml, as the selection reads them."""
    return [PathRule(tuple(one.paths), tuple(one.tags), one.run == "all") for one in repository.rules]


def test_rules(repository: RepositoryConfig) -> list[TestRule]:
    """What .buildbot-cd.yaml says of tests by their files."""
    return [TestRule(one.glob, tuple(one.tags), tuple(one.requires), one.always) for one in repository.tests.files]


OPEN = frozenset({RunState.PLANNING, RunState.RUNNING})
"""States in which a run still takes results."""
