# SPDX-License-Identifier: GPL-2.0-only
"""Test runs: planned once, claimed in chunks by any number of shards, reported test by test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import defer

from buildbot_cd.config.selecting import path_rules, test_rules
from buildbot_cd.core.dispatch import (
    Estimate,
    Speed,
    Work,
    expected,
    lower_bound,
    order,
    updated,
    watched,
    with_overhead,
)
from buildbot_cd.core.dispatch.classes import before, waits
from buildbot_cd.core.dispatch.leases import GRACE, PATIENCE
from buildbot_cd.core.selection import (
    Change,
    Mode,
    Reached,
    Selection,
    Test,
    requirements,
    select,
    with_rules,
)
from buildbot_cd.core.selection.budget import chances, within
from buildbot_cd.engine.claims import Ask, claim
from buildbot_cd.engine.learning import Learning, failed_again
from buildbot_cd.engine.logs import logged
from buildbot_cd.errors import SelectionError
from buildbot_cd.store.rows import HARMLESS, PlannedTest, RunState
from buildbot_cd.store.text import LONGEST_KEY, fits_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from buildbot_cd.config.repository import RepositoryConfig
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Counts, Run, RunTest, TestResult

OVERHEAD = 0.3
"""Seconds that a chunk costs beside its tests: the way to the master and back, and the start of a client."""

GATHER = 2.0
"""Seconds that the first shard of a run waits for the others: then the fastest of them gets the longest test."""

FEW = 4
"""Tests of a run, such as a retry's, that is over with one chunk."""

TRUSTED = 3
"""A test says something of its worker's speed if so many of its runs are known."""

ON_TRUNK = frozenset({"gate", "backstop", "rolling"})
"""Kinds of runs after which a passed test is known to be good on trunk, or on what trunk is about to be."""

LEAST_REST = 1e-4
"""Seconds of waiting tests below which none waits: a test is expected to take a millisecond at least."""

_FILES = 1000
"""Files of a change that are kept with its run."""

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
        pause: Callable[[float], Awaitable[None]] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """``workers`` tells how many shards share a run at most; ``changed`` hears of each run that moved on.

        ``pause`` waits for so many seconds at most; without it the first shard does not wait for the others.
        ``progress`` hears, in place of ``changed``, of results by which no one else has to act.
        """
        self.store, self.gate, self.workers, self.now, self.changed = store, gate, workers, now, changed
        self.pause, self.progress = pause, progress or changed
        self.learning = Learning(store, gate, now)
        self._asking: dict[int, dict[Ask, defer.Deferred[tuple[PlannedTest, ...]]]] = {}
        self._serving: set[int] = set()
        self._begun: set[int] = set()
        self._reserves: dict[int, str] = {}
        self._about: dict[int, tuple[str, str]] = {}
        self._waiting: dict[tuple[int, str], float] = {}
        self._idle: dict[int, dict[str, float]] = {}
        """By run who got nothing, and when."""
        self._rest: dict[int, float] = {}

    async def create(self, key: str, kind: str, revision: str) -> Run:
        """A run that belongs to no landing, such as a try build's."""
        return await self.store.transact(lambda tx: tx.runs.create(key, self.gate, None, kind, revision, self.now()))

    async def get(self, run: int) -> Run | None:
        """The run's record."""
        return await self.store.transact(lambda tx: tx.runs.get(run))

    async def plan(
        self,
        run: int,
        tests: Sequence[Test],
        repository: RepositoryConfig,
        change: Change,
        seconds: float,
        near: Reached | None = None,
        budget: float | None = None,
    ) -> Selection:
        """Select, estimate, order, and open the run's queue; ``seconds`` is what a worker needs before its first test.

        ``near`` is what the function map and the history know; ``budget`` are seconds that the run may take. Raises
        SelectionError if tags, rules and requirements contradict each other.
        """
        _storable(one.nid for one in tests)
        ruled = with_rules(tests, test_rules(repository))
        mode = Mode(repository.missing_tags)
        near = near or Reached()
        selection = select(ruled, path_rules(repository), change, tuple(repository.tags), mode, near)
        if budget is not None:
            selection = await self._within(selection, near, requirements(ruled), budget)
        wanted = {choice.nid for choice in selection.chosen}
        needs = requirements(ruled)
        works = [
            Work(one.nid, one.path, tuple(nid for nid in needs.get(one.nid, ()) if nid in wanted), one.group)
            for one in ruled
            if one.nid in wanted
        ]
        chance = chances(selection, near)
        files = [one for one in change.files if fits_key(one)][:_FILES]  # what cannot be looked up teaches nothing
        told: dict[str, Any] = {"mode": mode.value, "files": files, "near": near.beyond(wanted)}
        told["chances"] = [round(one, 3) for one in chance.values()]

        def write(tx: Tx) -> None:
            self._plan(tx, run, works, {**selection.to_json(), **told}, seconds)
            tx.learnt.changed(self.gate, files, self.now())

        await self.store.transact(write)
        self.changed(run)
        return selection

    async def _within(
        self, selection: Selection, near: Reached, needs: Mapping[str, tuple[str, ...]], budget: float
    ) -> Selection:
        rows = await self.store.read(lambda tx: tx.durations.get(self.gate))
        took = {nid: Estimate.from_row(row).seconds for nid, row in rows.items()}
        return within(selection, chances(selection, near), took, needs, budget, self.workers())

    def _plan(self, tx: Tx, run: int, works: Sequence[Work], selected: dict[str, Any], seconds: float) -> None:
        estimates = {nid: Estimate.from_row(row) for nid, row in tx.durations.get(self.gate).items()}
        by_nid = {work.nid: work for work in works}
        planned = [
            PlannedTest(one.nid, one.seconds, one.rank, by_nid[one.nid].requires, by_nid[one.nid].group)
            for one in order(works, estimates)
        ]
        bound = lower_bound(works, expected(works, estimates), [1.0] * max(1, self.workers()), seconds)
        told = {**selected, "bound": {"binding": str(bound.binding), "advice": bound.advice}}
        tx.runs.plan(run, planned, told, bound.seconds, self.now())

    async def plan_these(self, run: int, nids: Sequence[str], why: str) -> None:
        """Open the queue with exactly these tests; ``why`` is their reason.

        Names that are too long to be kept are left out. Raises SelectionError if there is no other.
        """
        kept = [nid for nid in dict.fromkeys(nids) if fits_key(nid)]
        if not kept:
            _storable(nids)
        tests = [PlannedTest(nid) for nid in kept]
        told = {"everything": why, "chosen": [[nid, [why]] for nid in kept], "left_out": [], "missing_tags": []}
        await self.store.transact(lambda tx: tx.runs.plan(run, tests, told, None, self.now()))
        self.changed(run)

    async def claim(
        self, run: int, worker: str, *, alone: bool = False, restarts: bool = False, holds: Iterable[str] = ()
    ) -> tuple[PlannedTest, ...]:
        """What the worker runs next, longest way to the end first; ``alone`` if no other shard shares the run.

        ``restarts`` if its runner is started anew for each chunk: then chunks are fewer and larger. ``holds`` are the
        tests that its runner is still at: of these and of the chunk's own, what requires them may come along, to be run
        if they pass. Empty if there is nothing for it at this moment, or if it gives way (`gives_way`).
        """
        if await self._yields(run, worker):
            return ()
        waiter: defer.Deferred[tuple[PlannedTest, ...]] = defer.Deferred()
        self._asking.setdefault(run, {})[Ask(worker, alone, restarts, frozenset(holds))] = waiter
        if run not in self._serving:
            self._serving.add(run)
            defer.ensureDeferred(self._serve(run, gather=not alone)).addErrback(logged("buildbot_cd: a claim failed"))
        return await waiter

    def gives_way(self, run: int, worker: str) -> bool:
        """Whether the worker's last claim was put off because a run of a higher class has tests for that worker."""
        return (run, worker) in self._waiting

    def all_taken(self, run: int) -> bool:
        """Whether the last claim left nothing: unless tests come back, the next one would be in vain."""
        return self._rest.get(run, 1.0) < LEAST_REST

    async def _yields(self, run: int, worker: str) -> bool:
        kind, _ = await self._known(run)
        higher = before(kind)
        if not higher:
            return False

        def busy(tx: Tx) -> bool:
            return any(worker in tx.runs.worked(one)[1] for one in tx.runs.rivals(self.gate, higher))

        since = self._waiting.get((run, worker), self.now())
        if await self.store.read(busy) and waits(kind, self.now() - since):
            self._waiting[run, worker] = since
            return True
        self._waiting.pop((run, worker), None)
        return False

    async def _known(self, run: int) -> tuple[str, str]:
        """Kind and revision of a run; they never change, and its row may hold megabytes."""
        if run not in self._about:
            found = await self.get(run)
            self._about[run] = (found.kind, found.revision) if found is not None else ("", "")
        return self._about[run]

    async def _serve(self, run: int, *, gather: bool) -> None:
        """Answer all that ask now, then all that asked meanwhile, until nobody does."""
        try:
            if gather and run not in self._begun:
                await self._gather(run)
            self._begun.add(run)
            while self._asking.get(run):
                await self._answer(run, self._asking.pop(run))
        finally:
            self._serving.discard(run)

    async def _gather(self, run: int) -> None:
        """Wait for the other shards, if there is enough to do for all of them."""
        if self.pause is None:
            return
        end, shards = self.now() + GATHER, self.workers()
        if (await self.counts(run)).waiting <= shards:
            return
        while len(self._asking.get(run, ())) < shards and self.now() < end:
            await self.pause(GATHER / 10)

    async def _answer(self, run: int, asking: dict[Ask, defer.Deferred[tuple[PlannedTest, ...]]]) -> None:
        asks, now, empty = list(asking), self.now(), self._idle.setdefault(run, {})
        idle = [name for name, since in empty.items() if now - since <= 2 * PATIENCE]
        try:
            given = await self.store.transact(
                lambda tx: claim(tx, self.gate, run, asks, max(1, self.workers()), OVERHEAD, now, idle)
            )
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            for waiter in asking.values():
                waiter.errback(error)
            return
        self._rest[run] = given.rest
        for ask, waiter in asking.items():
            empty.pop(ask.worker, None)
            if ask.worker not in given.shares:
                empty[ask.worker] = now
            waiter.callback(given.shares.get(ask.worker, ()))
        if given.doomed:
            self.changed(run)

    async def beat(self, run: int, worker: str, running: str | None) -> bool:
        """The worker's shard is alive, and in this test; False if it holds nothing of the run any more."""
        now = self.now()
        return await self.store.transact(lambda tx: tx.runs.extend(run, worker, now, now + GRACE, running)) > 0

    async def report(self, run: int, worker: str, results: Sequence[TestResult]) -> None:
        """Record results and learn durations and the worker's speed; a second report of a test changes nothing."""
        kind, revision = await self._known(run)
        seen = (self.now(), revision) if kind in ON_TRUNK else None

        def write(tx: Tx) -> bool:
            first = set(tx.runs.report(run, worker, results, self.now()))
            passed = {one.nid: one.seconds for one in results if one.nid in first and one.outcome == "passed"}
            if passed:
                self._learn(tx, worker, passed, seen)
            again = tx.runs.get(run) if any(one.outcome not in HARMLESS for one in results) else None
            if again is not None:
                failed = [one.nid for one in results if one.nid in first and one.outcome not in HARMLESS]
                failed_again(tx, again, failed, self.workers(), self.now())
            return again is not None or not self.all_taken(run) or not tx.runs.counts(run).claimed

        # What nobody waits for concerns nobody but pages: neither the reconciler nor a shard that has nothing to do.
        (self.changed if await self.store.transact(write) else self.progress)(run)

    def _learn(self, tx: Tx, worker: str, passed: Mapping[str, float], seen: tuple[float, str] | None) -> None:
        rows = tx.durations.get(self.gate, passed)
        known = {nid: Estimate.from_row(row) for nid, row in rows.items()}
        row = tx.durations.speeds(self.gate).get(worker)
        speed = Speed() if row is None else Speed(*row)
        pairs = [(known[nid].seconds, took) for nid, took in passed.items() if nid in known and known[nid].n >= TRUSTED]
        learnt = watched(speed, pairs)
        fresh = {nid: updated(known.get(nid), took, learnt.log).to_row() for nid, took in passed.items()}
        tx.durations.put(self.gate, fresh, seen)
        tx.durations.put_speeds(self.gate, {worker: (learnt.mean, learnt.n, learnt.overhead)})

    async def chunk_ended(self, worker: str, wall: float, tests: float) -> None:
        """Learn what a chunk costs: it took ``wall`` seconds, of which its tests took ``tests``."""

        def write(tx: Tx) -> None:
            row = tx.durations.speeds(self.gate).get(worker)
            learnt = with_overhead(Speed() if row is None else Speed(*row), wall, tests)
            tx.durations.put_speeds(self.gate, {worker: (learnt.mean, learnt.n, learnt.overhead)})

        await self.store.transact(write)

    async def may_leave(self, run: int, worker: str) -> bool:
        """Whether a shard that got nothing may end: nothing waits, and another one stays for what may come back."""
        counts = await self.counts(run)
        if counts.waiting:
            return False
        return not counts.claimed or self._reserves.setdefault(run, worker) != worker

    async def files(self, run: int) -> tuple[str, ...]:
        """The files of the run's tests; none if these are so few that a fresh runner is cheaper than one that stays."""
        nids = await self.store.transact(lambda tx: tx.runs.nids(run))
        if len(nids) < FEW:
            return ()
        ours = (nid.removeprefix("pytest:") for nid in nids if nid.startswith("pytest:"))
        return tuple(dict.fromkeys(nid.partition("::")[0] for nid in ours))

    async def release(self, run: int, worker: str, suspect: str | None = None) -> None:
        """The worker's shard ends, or its runner died in ``suspect``: what it did not finish waits again."""
        await self.store.transact(lambda tx: tx.runs.release(run, worker, suspect))
        self._idle.get(run, {}).pop(worker, None)
        if self._reserves.get(run) == worker:
            del self._reserves[run]
        self.changed(run)

    async def release_gone(self, run: int, at_work: Collection[str]) -> None:
        """Whoever holds tests of the run and is not ``at_work`` was cut off with its master: its tests wait again."""

        def free(tx: Tx) -> int:
            gone = {one.worker for one in tx.runs.held(run) if one.worker} - set(at_work)
            return sum(tx.runs.release(run, worker) for worker in sorted(gone))

        if await self.store.transact(free):
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
        self._rest.pop(run, None)
        self.changed(run)


def _storable(nids: Iterable[str]) -> None:
    """Raises SelectionError for a name that no database can look up: the change that brings it has to mend it."""
    long = next((nid for nid in nids if not fits_key(nid)), None)
    if long is not None:
        remedy = "give its parameters short ids" if "::" in long else "give the file a shorter path"
        raise SelectionError(f"the test {long[:60]!r}... has a name of more than {LONGEST_KEY} bytes: {remedy}")


OPEN = frozenset({RunState.PLANNING, RunState.RUNNING})
"""States in which a run still takes results."""
