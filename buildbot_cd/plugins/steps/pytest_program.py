# SPDX-License-Identifier: GPL-2.0-only
"""What the steps that collect and run tests share: the programs that a stock worker is sent, and how they are called.

Between two commands a pytest stays on the worker, so that a chunk costs no start and no collection. A stock worker runs
one command at a time and ends its children with it; so the process has a session of its own, and each chunk is a short
client command (`buildbot_cd.worker.tests.pytest_warm`).
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from buildbot_cd.plugins.steps.program import ProgramStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from buildbot_cd.config.repository import RepositoryTests
    from buildbot_cd.store.rows import PlannedTest

MAP = ".buildbot-cd.yaml"
"""The repository's own file, at its top."""

PROGRAM = "../cd_pytest.py"
"""Where the program lies on the worker: beside the checkout, never in it."""

WARM = "../cd_warm.py"
FILES = "../cd_files.txt"
SOCKET = "../cd_warm.sock"
JUNIT = "../cd_junit.py"
JUNIT_REPORT = "../cd_junit_report.py"


class PytestStep(ProgramStep):
    """A step that drives pytest on a worker on which nothing of ours is installed."""

    haltOnFailure = True
    renderables = ("python",)

    def __init__(self, *, python: Any = "python3", **kwargs: Any) -> None:
        """``python`` is the tested project's own interpreter on the worker, with its pytest."""
        super().__init__(**kwargs)
        self.python = python

    async def prepare(self) -> None:
        """Send the programs, unless a step of this build did."""
        if self.getProperty("cd_program_sent"):
            return
        folder = resources.files("buildbot_cd.worker.tests")
        for name, place in (("pytest_stream.py", PROGRAM), ("pytest_warm.py", WARM)):
            await self.send(folder.joinpath(name).read_text("utf-8"), place)
        self.setProperty("cd_program_sent", True, "Continuous deployment")

    async def pytest(self, verb: str, found: Callable[[dict[str, Any]], None], *args: str) -> int | None:
        """Call the program; ``verb`` is collect or run, ``args`` its own arguments."""
        return await self.program([str(self.python), PROGRAM, verb, *args], found, log=verb)

    async def foreign(
        self, verb: str, tests: RepositoryTests, found: Callable[[dict[str, Any]], None], nids: Sequence[str] = ()
    ) -> int | None:
        """Collect or run with another runner than pytest; its program speaks the same events."""
        if not self.getProperty("cd_junit_sent"):
            folder = resources.files("buildbot_cd.worker.tests")
            for name, place in (("junit_stream.py", JUNIT), ("junit.py", JUNIT_REPORT)):
                await self.send(folder.joinpath(name).read_text("utf-8"), place)
            self.setProperty("cd_junit_sent", True, "Continuous deployment")
        request = {"runner": tests.runner, "list": tests.list, "run": tests.run, "tests": list(nids)}
        return await self.program([str(self.python), JUNIT, verb], found, request=request, log=verb)

    async def map_text(self) -> str:
        """The repository's own file as the revision has it; empty if there is none."""
        lines: list[str] = []
        code = await self.lines(["git", "show", f"HEAD:{MAP}"], lines)
        if self.getProperty("cd_range") is None:  # a patch may have changed it
            fresh: list[str] = []
            if await self.lines(["cat", MAP], fresh) == 0:
                return "\n".join(fresh)
        return "\n".join(lines) if code == 0 else ""

    async def warm_up(self, files: Sequence[str]) -> bool:
        """Leave a pytest on the worker that has collected these files; False if it could not."""
        await self.send("\n".join(files) + "\n", FILES)
        argv = ["start", "--socket", SOCKET, "--runner", PROGRAM, "--files", FILES, "--"]
        return await self.program([str(self.python), WARM, *argv], lambda _event: None, log="run") == 0

    async def warm_chunk(self, chunk: Sequence[PlannedTest], found: Callable[[dict[str, Any]], None]) -> int | None:
        """Let the pytest on the worker run these tests."""
        inside = {one.nid for one in chunk}
        tests = [{"nid": one.nid, "after": [nid for nid in one.requires if nid in inside]} for one in chunk]
        argv = [str(self.python), WARM, "chunk", "--socket", SOCKET]
        return await self.program(argv, found, request={"tests": tests}, log="run")

    async def cool(self) -> None:
        """End the pytest on the worker. In a build that was stopped no command runs: the next build does it then."""
        if not self.stopped:
            await self.program([str(self.python), WARM, "stop", "--socket", SOCKET], lambda _event: None, log="run")
