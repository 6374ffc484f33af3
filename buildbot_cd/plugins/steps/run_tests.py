# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.RunTests``: a shard. It claims tests from the run's queue until none are left for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS
from twisted.internet import defer, task

from buildbot_cd.config import parse_repository
from buildbot_cd.core.dispatch.leases import BEAT, PATIENCE, hung
from buildbot_cd.engine.logs import logged
from buildbot_cd.plugins.steps.chunk_results import ChunkResults
from buildbot_cd.plugins.steps.pytest_program import MAP, PytestStep
from buildbot_cd.store.rows import HARMLESS, TestResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.store.rows import PlannedTest

LIST = "../cd_tests.txt"
"""Where a chunk's test ids are written for a pytest that does not stay."""

FOREIGN = ("phpunit:", "junit:")
"""What ids of tests of other runners begin with; a repository has one runner."""

FALSE_STARTS = 2
"""So often may a runner end before it began a test; then its tests have no answer."""

TURN = 1.0
"""Seconds between looks while another master's shard has this worker."""

AHEAD = 0.5
"""The next chunk is claimed when the runner has no more to do than for so many seconds,"""

ROUND_TRIPS = 2.0
"""or for as long as so many ways to the master and back take,"""

FAR_AHEAD = 5.0
"""but not more: what is claimed early cannot be given to whoever comes free."""


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
        self.run_id, self.is_warm, self.false_starts = int(run), False, 0
        self.under_way: dict[str, PlannedTest] = {}  # what the runner goes on with while the next chunk is claimed
        self.round_trip = 0.0
        await self.prepare()
        if not await self._alone_on_worker():
            self.descriptionDone = ["left to the shard that another master runs on this worker"]
            return SUCCESS
        await self.engine.tests.release(self.run_id, self.workername)  # claims of an earlier shard that was cut off
        try:
            await self._claim_and_run()
        finally:
            await self.engine.tests.release(self.run_id, self.workername)
            if self.is_warm:
                await self.cool()
        failed = [nid for nid, one in self.ran.items() if one.outcome not in HARMLESS]
        self.descriptionDone = [self._told(failed)]
        if self._is_try:
            await self._tell_try(failed)
        return FAILURE if failed else SUCCESS

    @property
    def _is_try(self) -> bool:
        return str(self.getProperty("buildername")) == "cd-try"

    async def _alone_on_worker(self) -> bool:
        """Wait while a shard that another master has begun before runs on this worker: claims go by workers' names.

        False if meanwhile the run has nothing left that nobody has taken.
        """
        build: Any = self.build
        while not self._is_try and not self.stopped:
            if (await self._at_work()).get(str(self.workername), build.buildid) >= build.buildid:
                return True
            if not (await self.engine.tests.counts(self.run_id)).waiting:
                return False
            await self.engine.pause(TURN)
        return True

    async def _at_work(self) -> dict[str, int]:
        return await self.engine.builds.at_work(str(self.getProperty("buildername")))

    async def _claim_and_run(self) -> None:
        await self._warm_up()  # before the first claim: nobody else waits for what is claimed here
        while not self.stopped:
            chunk = await self.engine.tests.claim(
                self.run_id, self.workername, alone=self._is_try, restarts=not self.is_warm, holds=self.under_way
            )
            if self.under_way and (not chunk or _suspect(chunk)):
                drained = await self._run(())
                if not drained or not chunk:
                    continue  # what broke off waits again; what ended may have let others go on
            if chunk:
                await self._run(chunk)
                continue
            if self.engine.tests.gives_way(self.run_id, self.workername):
                await self.engine.pause(PATIENCE)
                continue
            await self.engine.tests.release_gone(self.run_id, await self._at_work())
            if self.getProperty("cd_avoid") or await self.engine.tests.may_leave(self.run_id, self.workername):
                return
            await self.engine.pause(PATIENCE)

    async def _run(self, chunk: Sequence[PlannedTest]) -> bool:
        """Run this, behind what is under way; False if the runner broke off or the build was stopped."""
        if not self.is_warm:
            await self._warm_up()
        held = {**self.under_way, **{one.nid: one for one in chunk}}
        heard = ChunkResults(held, self.engine.now, self._rounds)
        begun = self.engine.now()
        beat = task.LoopingCall(self._beat, heard, {nid: one.estimate for nid, one in held.items()})
        beat.clock = self.buildmaster.reactor
        beat.start(BEAT, now=False).addErrback(logged("buildbot_cd: a shard's sign of life failed"))
        try:
            code = await self._ask_pytest(chunk, heard)
            while not self.stopped and heard.another_round():
                code = await self._ask_pytest([one for one in chunk if one.nid not in heard.results], heard)
        finally:
            beat.stop()
        self.under_way = {nid: held[nid] for nid in heard.open} if heard.goes_on else {}
        took = self.engine.now() - begun
        await self._report(heard.fresh())
        await self.learn()
        return not self.stopped and await self._settled(heard, code, took)

    async def _settled(self, heard: ChunkResults, code: int | None, took: float) -> bool:
        """Draw the conclusions of a runner that ended, goes on or broke off. (One that was cut off gave no answer.)"""
        if not heard.ended and not heard.goes_on and self._worth_another_try(heard):
            self.is_warm = False
            await self.engine.tests.release(self.run_id, self.workername, heard.running)
            return False
        if not heard.goes_on:
            await self._report(heard.without_answer(code))
        self.round_trip = max(took - heard.seconds, 0.0)
        await self.engine.tests.chunk_ended(self.workername, took, heard.seconds)
        return True

    @property
    def _rounds(self) -> int:
        return int(self.getProperty("cd_rounds") or 1)

    def _ahead(self, chunk: Sequence[PlannedTest]) -> float:
        """For how many seconds of work the runner may be left: none if a suspect runs, or tests run several times.

        Nor if nothing waits: another way there and back would only bring the end of this chunk.
        """
        if not chunk or _suspect(chunk) or self._rounds > 1 or self.engine.tests.all_taken(self.run_id):
            return 0.0
        return min(max(AHEAD, ROUND_TRIPS * self.round_trip), FAR_AHEAD)

    async def _warm_up(self) -> None:
        files = await self.engine.tests.files(self.run_id)
        if any(files) and self.false_starts < FALSE_STARTS:
            self.is_warm = await self.warm_up(files)
            self.false_starts += not self.is_warm

    def _worth_another_try(self, heard: ChunkResults) -> bool:
        """Whether a runner that broke off should be started anew: not if it never gets as far as a test."""
        if heard.running is None and not heard.results:
            self.false_starts += 1
        return self.false_starts < FALSE_STARTS

    async def _ask_pytest(self, chunk: Sequence[PlannedTest], heard: ChunkResults) -> int | None:
        """Run the chunk by the pytest that stays, else by a fresh one, or by the project's own runner."""
        ours = [one for one in chunk if one.nid.startswith("pytest:")]
        foreign = [one.nid for one in chunk if one.nid.startswith(FOREIGN)]
        if foreign:
            tests = parse_repository(await self.map_text(), MAP).tests
            return await self.foreign("run", tests, heard.note, foreign)
        if not ours and not self.under_way:
            heard.ended = True
            return None
        reporting: defer.Deferred[None] = defer.succeed(None)

        def found(event: dict[str, Any]) -> None:
            nonlocal reporting
            heard.note(event)
            if event.get("event") == "result" and reporting.called:
                reporting = defer.ensureDeferred(self._report_soon(heard))

        if self.is_warm:
            code = await self.warm_chunk(ours, found, self._ahead(ours), self.under_way)
        else:
            await self.send("\n".join(one.nid for one in ours) + "\n", LIST)
            code = await self.pytest("run", found, "--tests", LIST, "--")
        await reporting
        return code

    async def _report_soon(self, heard: ChunkResults) -> None:
        """Report what arrived together: a worker sends on what a command wrote every few seconds."""
        await task.deferLater(self.buildmaster.reactor, 0)
        while fresh := heard.fresh():
            await self._report(fresh)

    async def _report(self, results: Sequence[TestResult]) -> None:
        if results:
            self.ran |= {one.nid: one for one in results}
            await self.engine.tests.report(self.run_id, self.workername, results)
            self.description = [f"{len(self.ran)} tests"]
            self.updateSummary()

    async def _still(self, heard: ChunkResults, expected: dict[str, float]) -> str:
        """Why the chunk should be cut off, empty if it should not."""
        nid = heard.running
        if nid is not None and hung(expected.get(nid, 1.0), self.engine.now() - heard.since):
            text = f"hung: it ran for {self.engine.now() - heard.since:.0f} s, {expected.get(nid, 1.0):.1f} s expected"
            await self._report([TestResult(nid, "error", 0.0, text)])
            return f"{nid} hangs"
        if await self.engine.tests.beat(self.run_id, self.workername, nid):
            return ""
        return "" if heard.wanted <= set(heard.results) else "the run goes on, or ended, without this shard"

    def _beat(self, heard: ChunkResults, expected: dict[str, float]) -> defer.Deferred[None]:
        async def beat() -> None:
            why = await self._still(heard, expected)
            if why and self.cmd is not None:
                await defer.maybeDeferred(self.cmd.interrupt, why)

        return defer.ensureDeferred(beat())

    def _told(self, failed: list[str]) -> str:
        names = ", ".join(nid.removeprefix("pytest:") for nid in failed[:3])
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        return f"{len(self.ran)} tests" + (f", {len(failed)} failed: {names}{more}" if failed else ", all passed")

    async def _tell_try(self, failed: list[str]) -> None:
        await self.engine.tests.finish(self.run_id)
        selection = str(self.getProperty("cd_selection") or "")
        text = "; ".join(part for part in (self._told(failed), f"selected {selection}" if selection else "") if part)
        self.setProperty("cd_try", text, "Continuous deployment")

    def getResultSummary(self) -> dict[str, str]:
        """In a try build the answer is the build's state string: stock ``buildbot try`` shows that and no more."""
        summary = super().getResultSummary()
        answer = self.getProperty("cd_try")
        return {**summary, "build": str(answer)} if answer else summary


def _suspect(chunk: Sequence[PlannedTest]) -> bool:
    """Whether a runner died in a test of the chunk: it has to run with nothing else under way."""
    return any(one.crashes for one in chunk)
