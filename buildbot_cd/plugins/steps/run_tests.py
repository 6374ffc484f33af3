# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.RunTests``: a shard. It claims tests from the run's queue until none are left for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from buildbot_cd.plugins.steps.pytest_program import PytestStep
from buildbot_cd.store.rows import HARMLESS, TestResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.store.rows import PlannedTest

LIST = "../cd_tests.txt"
"""Where the chunk's test ids are written for the program."""

PATIENCE = 5.0
"""Seconds between looks while all that is left waits for a test that runs elsewhere."""


class RunTests(PytestStep):
    """Claims a chunk, runs it, reports test by test, and claims again. A shard that dies gives its claims back."""

    name = "run tests"

    async def work(self) -> int:
        """FAILURE if any of this shard's tests failed."""
        run: Any = self.getProperty("cd_run")
        if run is None:
            self.descriptionDone = ["no run was planned"]
            return SKIPPED
        self.ran: dict[str, TestResult] = {}
        await self.prepare()
        await self.engine.tests.release(int(run), self.workername)  # claims of an earlier shard here that was cut off
        try:
            await self._claim_and_run(int(run))
        finally:
            await self.engine.tests.release(int(run), self.workername)
        failed = [nid for nid, one in self.ran.items() if one.outcome not in HARMLESS]
        self.descriptionDone = [self._told(failed)]
        if self._is_try:
            await self._tell_try(int(run), failed)
        return FAILURE if failed else SUCCESS

    @property
    def _is_try(self) -> bool:
        return str(self.getProperty("buildername")) == "cd-try"

    async def _claim_and_run(self, run: int) -> None:
        while not self.stopped:
            chunk = await self.engine.tests.claim(run, self.workername, alone=self._is_try)
            if chunk:
                await self._run(run, chunk)
                continue
            counts = await self.engine.tests.counts(run)
            if not counts.waiting or self.getProperty("cd_avoid"):
                return
            await self.engine.pause(PATIENCE)

    async def _run(self, run: int, chunk: Sequence[PlannedTest]) -> None:
        results: dict[str, TestResult] = {}
        wanted = {one.nid for one in chunk}
        listed = [one.nid for one in chunk if one.nid.startswith("pytest:")]
        await self.send("\n".join(listed) + "\n", LIST)

        def found(event: dict[str, Any]) -> None:
            self._note(event, wanted, results)

        code = await self.pytest("run", found, "--tests", LIST, "--") if listed else None
        if self.stopped:
            return  # a cut-off chunk is no answer: what was not reported is claimed again
        for nid in wanted - set(results):
            results[nid] = TestResult(
                nid, "missing", 0.0, f"asked for, but gave no result; the runner ended with {code}"
            )
        self.ran |= results
        await self.engine.tests.report(run, self.workername, list(results.values()))
        self.description = [f"{len(self.ran)} tests"]
        self.updateSummary()

    def _note(self, event: dict[str, Any], wanted: set[str], results: dict[str, TestResult]) -> None:
        kind = event.get("event")
        if kind == "result":
            self._result(str(event["nid"]), event, wanted, results)
        elif kind == "error":
            nid = f"pytest:{event.get('path')}"
            for one in wanted:
                if one == nid or one.startswith(f"{nid}::"):
                    results[one] = TestResult(one, "error", 0.0, str(event.get("text") or ""))

    def _result(self, nid: str, event: dict[str, Any], wanted: set[str], results: dict[str, TestResult]) -> None:
        outcome, seconds = str(event["outcome"]), float(event.get("seconds") or 0.0)
        if nid in wanted:
            results[nid] = TestResult(nid, outcome, seconds, str(event.get("text") or ""))
            return
        # A whole file was asked for, to see whether it can be collected: any result of it says yes.
        file = nid.split("::", 1)[0]
        if file in wanted:
            results.setdefault(file, TestResult(file, "passed", seconds))

    def _told(self, failed: list[str]) -> str:
        names = ", ".join(nid.removeprefix("pytest:") for nid in failed[:3])
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        return f"{len(self.ran)} tests" + (f", {len(failed)} failed: {names}{more}" if failed else ", all passed")

    async def _tell_try(self, run: int, failed: list[str]) -> None:
        await self.engine.tests.finish(run)
        selection = str(self.getProperty("cd_selection") or "")
        text = "; ".join(part for part in (self._told(failed), f"selected {selection}" if selection else "") if part)
        self.setProperty("cd_try", text, "Continuous deployment")

    def getResultSummary(self) -> dict[str, str]:
        """In a try build the answer is the build's state string: stock ``buildbot try`` shows that and no more."""
        summary = super().getResultSummary()
        answer = self.getProperty("cd_try")
        return {**summary, "build": str(answer)} if answer else summary
