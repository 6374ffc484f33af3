# SPDX-License-Identifier: GPL-2.0-only
"""Running our programs on workers: JSON in on stdin, JSON lines out on stdout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from buildbot.process import buildstep, remotecommand, remotetransfer
from twisted.internet import defer

from buildbot_cd.engine.lookup import engine_of
from buildbot_cd.plugins.steps.gathered_log import Gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from buildbot.master import BuildMaster
    from buildbot.process.build import Build

    from buildbot_cd.engine.service import Engine


class ProgramStep(buildstep.BuildStep):
    """A step that talks to one of our programs on the worker."""

    def run(self) -> defer.Deferred[int]:
        """Buildbot's call; the step's own part is `work`."""
        return defer.ensureDeferred(self._worked())

    async def _worked(self) -> int:
        try:
            return await self.work()
        finally:
            for log in self._logs().values():
                await log.close()

    async def work(self) -> int:
        """Do the step's part and give one of Buildbot's results."""
        raise NotImplementedError

    @property
    def buildmaster(self) -> BuildMaster:
        """The master; a step that runs has one."""
        assert self.master is not None
        return self.master

    @property
    def running(self) -> Build:
        """The build; a step that runs has one."""
        assert self.build is not None
        return self.build

    @property
    def folder(self) -> str:
        """The directory on the worker, as its commands take it."""
        return str(self.workdir or self.running.workdir)

    @property
    def engine(self) -> Engine:
        """The engine of this master."""
        return engine_of(self.buildmaster)

    @property
    def workername(self) -> str:
        """The worker that this build runs on."""
        return str(self.getProperty("workername"))

    async def program(
        self,
        argv: Sequence[str],
        found: Callable[[dict[str, Any]], None],
        *,
        request: Mapping[str, Any] | None = None,
        log: str = "stdio",
        timeout: float = 1200.0,
        env: Mapping[str, str] | None = None,
    ) -> int | None:
        """Run ``argv`` in the build's directory and pass on its JSON lines.

        Returns the exit code, or None if the command was cut off.
        """
        text = None if request is None else json.dumps(request)
        stdio = await self._gathered(log)
        stdio.found = found
        command = remotecommand.RemoteShellCommand(
            self.folder,
            list(argv),
            initialStdin=text,
            timeout=int(timeout),
            logEnviron=False,
            env=dict(env or {}),
            stdioLogName=log,
        )
        command.useLog(cast("Any", stdio), closeWhenFinished=False)  # it does what a log does
        await self.runCommand(command)
        return None if command.rc is None else int(command.rc)

    def unanswered(self, code: int | None, log: str, key: str) -> str:
        """What to say of a program that ended without an answer; ``key`` is where cd.yaml names its Python."""
        heard = self._logs().get(log)
        complaint = heard.complaint if heard is not None else ""
        absent = "No module named" in complaint or "No such file" in complaint
        remedy = f"; install buildbot_cd there, or name the Python that has it as {key} in cd.yaml" if absent else ""
        said = f"{self.workername} gave no answer, and the program ended with {code}"
        return f"{said}: {complaint[:300] or 'see its log'}{remedy}"

    def _logs(self) -> dict[str, Gathered]:
        found: dict[str, Gathered] = self.__dict__.setdefault("_gathered_logs", {})
        return found

    async def _gathered(self, name: str) -> Gathered:
        logs = self._logs()
        if name not in logs:
            try:
                log = self.getLog(name)
            except KeyError:
                log = await self.addLog(name)
            logs.setdefault(name, Gathered(log, self.buildmaster.reactor))
        return logs[name]

    async def lines(self, argv: Sequence[str], into: list[str], *, log: str = "git") -> int | None:
        """Run a short command and put its lines of output into the list; returns its exit code."""
        command = remotecommand.RemoteShellCommand(
            self.folder, list(argv), logEnviron=False, collectStdout=True, stdioLogName=log
        )
        command.useLog(cast("Any", await self._gathered(log)), closeWhenFinished=False)
        await self.runCommand(command)
        into.extend(str(command.stdout).splitlines())
        return None if command.rc is None else int(command.rc)

    async def send(self, text: str, destination: str) -> None:
        """Write a text file on the worker, in the build's directory."""
        reader = remotetransfer.StringFileReader(text)
        command = remotecommand.RemoteCommand(
            "downloadFile",
            {
                "workdir": self.folder,
                "workerdest": destination,
                "reader": reader,
                "maxsize": None,
                "blocksize": 64 * 1024,
                "mode": None,
            },
        )
        await self.runCommand(command)
        if command.didFail():
            msg = f"{destination} could not be written on {self.workername}"
            raise buildstep.BuildStepFailed(msg)
