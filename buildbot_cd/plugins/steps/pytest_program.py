# SPDX-License-Identifier: GPL-2.0-only
"""What the steps that collect and run tests share: the programs that a stock worker is sent, and how they are called.

Between two commands a pytest stays on the worker, so that a chunk costs no start and no collection. A stock worker runs
one command at a time and ends its children with it; so the process has a session of its own, and each chunk is a short
client command (`buildbot_cd.worker.tests.pytest_client`).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from buildbot import config

from buildbot_cd.core.selection import UnitChange
from buildbot_cd.core.wire import spread
from buildbot_cd.plugins.steps.program import ProgramStep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from buildbot_cd.config.repository import RepositoryTests
    from buildbot_cd.store.rows import PlannedTest

MAP = ".buildbot-cd.yaml"
"""The repository's own file, at its top."""

PROGRAM = "../cd_pytest.py"
"""Where the program lies on the worker: beside the checkout, never in it."""

WARM = "../cd_warm.py"
CLIENT = "../cd_client.py"
RAN = "../cd_ran.py"
UNITS = "../cd_units.py"
JUNIT = "../cd_junit.py"
FILES = "../cd_files.txt"
SOCKET = "../cd_warm.sock"
BUNDLE = "../cd_programs.json"

PROGRAMS = {
    "pytest_stream.py": "cd_pytest.py",
    "pytest_warm.py": "cd_warm.py",
    "pytest_client.py": "cd_client.py",
    "cd_names.py": "cd_names.py",
    "cd_plugin.py": "cd_plugin.py",
    "cd_run.py": "cd_run.py",
    "cd_guard.py": "cd_guard.py",
    "cd_chunks.py": "cd_chunks.py",
    "pytest_ran.py": "cd_ran.py",
    "cd_checkout.py": "cd_checkout.py",
    "cd_functions.py": "cd_functions.py",
    "syntax_outline.py": "cd_outline.py",
    "syntax_parts.py": "cd_parts.py",
    "changed_units.py": "cd_units.py",
    "junit_stream.py": "cd_junit.py",
    "junit.py": "cd_junit_report.py",
}
"""By name in `buildbot_cd.worker.tests`, what they are called on a worker."""

UNPACK = """\
import io, json, os, sys
place = os.path.dirname(sys.argv[1])
with io.open(sys.argv[1], encoding="utf-8") as file:
    programs = json.load(file)
for name, text in programs.items():
    with io.open(os.path.join(place, name), "w", encoding="utf-8") as file:
        file.write(text)
"""
"""Each file that is sent costs a way to the worker: so they go as one, and are taken apart there."""

RECORDS = ("auto", "always", "never")


@cache
def bundle() -> str:
    """The programs, as JSON: by name on the worker its text."""
    folder = resources.files("buildbot_cd.worker.tests")
    return json.dumps({place: folder.joinpath(name).read_text("utf-8") for name, place in PROGRAMS.items()})


class PytestStep(ProgramStep):
    """A step that drives pytest on a worker on which nothing of ours is installed."""

    haltOnFailure = True
    renderables = ("python",)

    def __init__(self, *, python: Any = "python3", record: str = "auto", **kwargs: Any) -> None:
        """``python`` is the tested project's own interpreter on the worker, with its pytest.

        ``record`` says when runs tell what each test ran: auto (where that is cheap: Python 3.12 or later), always
        (also by coverage.py, where the project has it), or never.
        """
        super().__init__(**kwargs)
        if record not in RECORDS:
            config.error(f"record should be one of {', '.join(RECORDS)}, not {record!r}")
        self.python, self.record = python, record
        self._units: dict[str, str] = {}

    async def prepare(self) -> None:
        """Send the programs, unless a step of this build did."""
        if self.getProperty("cd_program_sent"):
            return
        await self.send(bundle(), BUNDLE)
        await self.lines([str(self.python), "-c", UNPACK, BUNDLE], [], log="programs")
        self.setProperty("cd_program_sent", True, "Continuous deployment")

    async def pytest(self, verb: str, found: Callable[[dict[str, Any]], None], *args: str) -> int | None:
        """Call the program; ``verb`` is collect or run, ``args`` its own arguments."""
        more = self._recording() if verb == "run" else []
        return await self.program([str(self.python), PROGRAM, verb, *more, *args], self._hearing(found), log=verb)

    def _recording(self) -> list[str]:
        """The arguments that let runs tell what each test ran. A try teaches nothing: its change may never come."""
        if self.record == "never" or str(self.getProperty("buildername")) == "cd-try":
            return []
        return ["--ran", RAN, *(["--traced"] if self.record == "always" else [])]

    def _hearing(self, found: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """Also keep what passed tests, and files at their collection, ran. A failed one did not get to its end."""
        good: set[str] = set()

        def heard(event: dict[str, Any]) -> None:
            nid = str(event.get("nid") or "")
            if event.get("event") == "result" and event.get("outcome") == "passed":
                good.add(nid)
            elif event.get("event") == "ran" and (nid in good or "::" not in nid):
                self._units[nid] = str(event.get("units") or "")
            found(event)

        return heard

    async def learn(self) -> None:
        """Hand over what was kept."""
        ran, self._units = self._units, {}
        if ran:
            await self.engine.tests.learning.ran(ran)

    async def units(self, base: str) -> UnitChange:
        """Which functions and files the checkout changes since ``base``."""
        change, known = UnitChange(), await self.engine.tests.learning.map()
        if known.tests:
            request = {"base": base, "imported": known.imported}
            await self.program([str(self.python), UNITS], change.note, request=request, log="units")
        return change

    async def foreign(
        self, verb: str, tests: RepositoryTests, found: Callable[[dict[str, Any]], None], nids: Sequence[str] = ()
    ) -> int | None:
        """Collect or run with another runner than pytest; its program speaks the same events."""
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
        argv = ["start", "--socket", SOCKET, "--files", FILES, *self._recording(), "--"]
        hear = self._hearing(lambda _event: None)
        return await self.program([str(self.python), WARM, *argv], hear, log="run") == 0

    async def warm_chunk(
        self,
        chunk: Sequence[PlannedTest],
        found: Callable[[dict[str, Any]], None],
        ahead: float = 0.0,
        under_way: Collection[str] = (),
    ) -> int | None:
        """Let the pytest on the worker run these tests, behind what it is still at (``under_way``).

        It is left at work when what it has to do will take no more than ``ahead`` seconds; a ``more`` event says so.
        """
        inside = {one.nid for one in chunk}.union(under_way)
        tests = [
            {"nid": one.nid, "after": [nid for nid in one.requires if nid in inside], "seconds": one.estimate}
            for one in chunk
        ]
        argv = [str(self.python), "-S", CLIENT, SOCKET]
        heard = self._hearing(found)

        def hear(event: dict[str, Any]) -> None:
            for one in spread(event):
                heard(one)

        return await self.program(argv, hear, request={"tests": tests, "ahead": ahead}, log="run")

    async def cool(self) -> None:
        """End the pytest on the worker. In a build that was stopped no command runs: the next build does it then."""
        if not self.stopped:
            await self.program([str(self.python), WARM, "stop", "--socket", SOCKET], lambda _event: None, log="run")
