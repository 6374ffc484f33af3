# SPDX-License-Identifier: GPL-2.0-only
"""Test runs and their results in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.store.forms.runs import blocked_by, new_run, stored_tests
from buildbot_cd.store.memory.claims import MemoryClaims
from buildbot_cd.store.rows import (
    BLOCKED,
    HARMLESS,
    Counts,
    Past,
    Run,
    RunState,
    RunTest,
    WorkState,
)
from buildbot_cd.store.text import as_stored, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from buildbot_cd.store.rows import PlannedTest, TestResult


class MemoryRuns(MemoryClaims):
    """See `interface_work.Runs`."""

    def create(self, key: str, gate: str, landing: int | None, kind: str, revision: str, at: float) -> Run:
        known = self.by_key(key)
        if known is not None:
            return known
        fresh = new_run(len(self._tables.runs) + 1, key, gate, landing, kind, revision, at)
        self._tables.runs[fresh.id] = fresh
        return deepcopy(fresh)

    def get(self, ident: int) -> Run | None:
        return deepcopy(self._tables.runs.get(ident))

    def by_key(self, key: str) -> Run | None:
        return next((deepcopy(run) for run in self._tables.runs.values() if run.key == clean(key)), None)

    def for_landing(self, landing: int) -> tuple[Run, ...]:
        return tuple(deepcopy(run) for run in self._tables.runs.values() if run.landing == landing)

    def plan(
        self,
        ident: int,
        tests: Sequence[PlannedTest],
        selection: Mapping[str, Any],
        lower_bound: float | None,
        at: float,
    ) -> bool:
        run, stored = self._existing(ident), as_stored(selection)
        if run.state is not RunState.PLANNING:
            return False
        planned = replace(run, state=RunState.RUNNING, planned_at=at, selection=stored, lower_bound=lower_bound)
        for position, test in enumerate(stored_tests(tests)):
            self._put(
                RunTest(
                    ident,
                    test.nid,
                    position,
                    test.estimate,
                    test.rank,
                    test.requires,
                    test.group,
                    test.avoid_worker,
                    crashes=test.crashes,
                )
            )
        self._tables.runs[ident] = planned
        return True

    def report(self, ident: int, worker: str, results: Sequence[TestResult], at: float) -> tuple[str, ...]:
        if self._existing(ident).state is not RunState.RUNNING:
            return ()
        recorded = []
        for result in results:
            test = self._tables.run_tests.get((ident, clean(result.nid)))
            if test is None or test.state is WorkState.DONE:
                continue
            outcome = clean(result.outcome)
            self._end(replace(test, worker=clean(worker)), outcome, result.seconds, clean(result.text), at)
            recorded.append(test.nid)
            if outcome not in HARMLESS:
                self._block(ident, test.nid, at)
        return tuple(recorded)

    def tests(self, ident: int) -> tuple[RunTest, ...]:
        self._existing(ident)
        return tuple(test for (run, _), test in self._tables.run_tests.items() if run == ident)

    def worked(self, ident: int) -> tuple[float | None, tuple[str, ...]]:
        tests = self.tests(ident)
        times = [test.done_at for test in tests if test.done_at is not None]
        names = {test.worker for test in tests if test.worker is not None}
        return max(times, default=None), tuple(sorted(names))

    def nids(self, ident: int) -> tuple[str, ...]:
        return tuple(test.nid for test in self.tests(ident))

    def counts(self, ident: int) -> Counts:
        tests = self.tests(ident)
        done = [test for test in tests if test.state is WorkState.DONE]
        return Counts(
            waiting=sum(test.state is WorkState.WAITING for test in tests),
            claimed=sum(test.state is WorkState.CLAIMED for test in tests),
            done=len(done),
            failed=sum(test.outcome not in HARMLESS for test in done),
        )

    def newest(self, gate: str, kind: str) -> Run | None:
        runs = (run for run in reversed(self._tables.runs.values()) if run.gate == clean(gate))
        return next((replace(run, selection={}) for run in runs if run.kind == clean(kind)), None)

    def recent(self, gate: str, kind: str, limit: int) -> tuple[int, ...]:
        runs = (run for run in reversed(self._tables.runs.values()) if run.gate == clean(gate))
        done = [run.id for run in runs if run.kind == clean(kind) and run.state is RunState.DONE]
        return tuple(done[: max(limit, 0)])

    def past(self, idents: Sequence[int]) -> dict[str, Past]:
        found: dict[str, Past] = {}
        for (run, nid), test in self._tables.run_tests.items():
            if run in idents:
                known = found.get(nid, Past(0, 0, None))
                bad = test.outcome is not None and test.outcome not in HARMLESS
                at = max((one for one in (known.at, test.done_at) if one is not None), default=None)
                found[nid] = Past(known.runs + 1, known.failed + bad, at)
        return found

    def rivals(self, gate: str, kinds: Collection[str]) -> tuple[int, ...]:
        asked = {clean(kind) for kind in kinds}
        runs = (run for run in self._tables.runs.values() if run.gate == clean(gate) and run.kind in asked)
        running = [run.id for run in runs if run.state is RunState.RUNNING]
        return tuple(ident for ident in running if self.counts(ident).waiting)

    def finish(self, ident: int, at: float, error: str = "") -> bool:
        run = self._existing(ident)
        if run.state is RunState.DONE:
            return False
        self._tables.runs[ident] = replace(run, state=RunState.DONE, ended_at=at, error=clean(error))
        return True

    def _end(self, test: RunTest, outcome: str, seconds: float, text: str, at: float) -> None:
        self._put(replace(test, state=WorkState.DONE, outcome=outcome, seconds=seconds, text=text, done_at=at))

    def _block(self, ident: int, failed: str, at: float) -> None:
        front = {failed}
        while front:
            tests = [test for test in self.tests(ident) if test.state is not WorkState.DONE]
            followers = [test for test in tests if front.intersection(test.requires)]
            for test in followers:
                self._end(test, BLOCKED, 0.0, blocked_by(failed), at)
            front = {test.nid for test in followers}
