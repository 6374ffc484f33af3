# SPDX-License-Identifier: GPL-2.0-only
"""Test runs over a memory store, for tests that claim and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import defer

from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Yard:
    """Test runs over a memory store, with a clock that the test turns."""

    def __init__(self, workers: int = 2) -> None:
        self.time = 1000.0
        self.store = MemoryStore()
        self.runs = TestRuns(self.store, "trunk", lambda: workers, lambda: self.time, lambda _run: None)

    def now(self, work: Awaitable[Any]) -> Any:
        """What the work gives, which must not have to wait for anything."""
        done: list[Any] = []
        deferred = defer.ensureDeferred(work)  # type: ignore[arg-type]
        deferred.addBoth(done.append)
        assert done, "the work waits"
        if hasattr(done[0], "raiseException"):
            done[0].raiseException()
        return done[0]

    def planned(self, *tests: PlannedTest, kind: str = "gate") -> int:
        """A run with exactly these tests."""
        run = self.now(self.runs.create(f"{kind}{self.time}", kind, "abc"))
        self.store.transact_now(lambda tx: tx.runs.plan(run.id, tests, {}, None, self.time))
        return int(run.id)

    def claim(self, run: int, worker: str, *, alone: bool = False) -> list[str]:
        """What the worker gets."""
        return [one.nid for one in self.now(self.runs.claim(run, worker, alone=alone))]

    def report(self, run: int, worker: str, outcome: str, *nids: str, seconds: float = 1.0) -> None:
        """Results."""
        self.now(self.runs.report(run, worker, [TestResult(nid, outcome, seconds) for nid in nids]))
