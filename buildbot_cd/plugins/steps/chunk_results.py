# SPDX-License-Identifier: GPL-2.0-only
"""What a chunk's runner has said so far: results, the test that it is in, and how it ended or that it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.store.rows import TestResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ChunkResults:
    """Reads the events of `worker.tests.pytest_stream` for the tests that were asked for."""

    def __init__(self, wanted: Iterable[str], now: Callable[[], float], rounds: int = 1) -> None:
        """``now`` is a clock in seconds. Of several ``rounds`` a test has passed only after the last one."""
        self._rounds, self._round = rounds, 1
        self.wanted = set(wanted)
        self.results: dict[str, TestResult] = {}
        self.running: str | None = None
        self.since = now()
        self.ended = self.goes_on = False
        self.busy: float | None = None
        self._now = now
        self._fresh: list[TestResult] = []
        self._settled: set[str] = set()
        """Blocked ones: the store knows what became of them when the failure before them is reported."""

    def note(self, event: dict[str, Any]) -> None:
        """Take an event in. What is none of the documented ones is passed over."""
        kind, nid = event.get("event"), str(event.get("nid") or "")
        if kind == "start":
            self.running, self.since = nid, self._now()
        elif kind == "result":
            self._result(nid, event)
        elif kind == "missing" and nid in self.wanted:
            self._put(TestResult(nid, "missing", 0.0, "asked for, but it is not there"))
        elif kind == "blocked":
            self._settled.add(nid)
        elif kind in ("end", "more"):
            self.ended, self.goes_on = kind == "end", kind == "more"
            self.busy = float(event["busy"]) if "busy" in event else None

    def _result(self, nid: str, event: dict[str, Any]) -> None:
        if nid == self.running:
            self.running = None
        outcome, seconds = str(event.get("outcome")), float(event.get("seconds") or 0.0)
        if nid in self.wanted:
            self._put(TestResult(nid, outcome, seconds, str(event.get("text") or "")))
            return
        # A whole file was asked for, to see whether it can be collected: any result of it says yes.
        file = nid.split("::", 1)[0]
        if file in self.wanted:
            self._put(TestResult(file, "passed", seconds))

    def another_round(self) -> bool:
        """True, and the next round begins, if the runner ended in order and there are more for some test."""
        if not self.ended or self._round >= self._rounds or self.wanted <= set(self.results):
            return False
        self._round, self.ended = self._round + 1, False
        return True

    def _put(self, result: TestResult) -> None:
        if self._round < self._rounds and result.outcome == "passed":
            return
        if self._rounds > 1 and result.outcome != "passed":
            result = replace(result, text=f"in run {self._round} of {self._rounds}: {result.text}")
        if result.nid not in self.results:
            self.results[result.nid] = result
            self._fresh.append(result)

    def fresh(self) -> list[TestResult]:
        """The results since the last call."""
        found, self._fresh = self._fresh, []
        return found

    def without_answer(self, code: int | None) -> list[TestResult]:
        """At the end of a runner that ended in order: a result for each test that had none."""
        lost = sorted(self.open)
        said = f"asked for, but gave no result; the runner ended with {code}"
        for nid in lost:
            self._put(TestResult(nid, "missing", 0.0, said))
        return self.fresh()

    @property
    def open(self) -> set[str]:
        """The tests that are not done."""
        return self.wanted - set(self.results) - self._settled

    @property
    def seconds(self) -> float:
        """How long the runner was at work; if it does not say so, what the tests took by themselves."""
        return self.busy if self.busy is not None else sum(one.seconds for one in self.results.values())
