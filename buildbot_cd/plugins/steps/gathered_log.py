# SPDX-License-Identifier: GPL-2.0-only
"""A step's log, written a few times and not at every line that a worker sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import defer

from buildbot_cd.core.wire import Joiner
from buildbot_cd.engine.logs import logged

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 1.0
"""Seconds for which lines of a log are gathered: each write costs the master some transactions, of its own and ours."""


class Gathered:
    """Stands before a log of a step: JSON objects of stdout go to ``found`` at once, lines are written together.

    It has those methods of Buildbot's `StreamLog` that a `RemoteCommand` calls.
    """

    def __init__(self, log: Any, reactor: Any) -> None:
        self.found: Callable[[dict[str, Any]], None] = lambda _value: None
        self.complaint = ""
        """The last line of stderr."""
        self._log, self._reactor = log, reactor
        self._joiner = Joiner()
        self._tails: dict[str, str] = {}
        self._lines: list[str] = []
        self._timer: Any = None
        self._closed = False
        self._error: Exception | None = None

    def getName(self) -> str:
        """The log's name."""
        return str(self._log.getName())

    def add_stdout_lines(self, text: str) -> defer.Deferred[None]:
        """What the program wrote; what is no JSON object is its own talk."""
        for line in self._add("o", text):
            value = self._joiner.feed(line)
            if value is not None:
                self._hand_on(value)
        return defer.succeed(None)

    def add_stderr_lines(self, text: str) -> defer.Deferred[None]:
        """What it complained of."""
        for line in self._add("e", text):
            self.complaint = line.strip() or self.complaint
        return defer.succeed(None)

    def add_header_lines(self, text: str) -> defer.Deferred[None]:
        """What the worker says of it."""
        self._add("h", text)
        return defer.succeed(None)

    addStdout, addStderr, addHeader = add_stdout_lines, add_stderr_lines, add_header_lines

    def _hand_on(self, value: dict[str, Any]) -> None:
        try:
            self.found(value)
        except Exception as error:  # noqa: BLE001 - it is the step's, and raised at its end
            self._error = self._error or error

    def _add(self, stream: str, text: str) -> list[str]:
        *lines, self._tails[stream] = (self._tails.get(stream, "") + text).split("\n")
        self._lines += [f"{stream}{line}\n" for line in lines]
        if self._lines and self._timer is None and not self._closed:
            self._timer = self._reactor.callLater(PAUSE, self._write_later)
        return lines

    def _write_later(self) -> None:
        self._timer = None
        defer.ensureDeferred(self.write()).addErrback(logged("buildbot_cd: lines of a log were not written"))

    async def write(self) -> None:
        """Write what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text, self._lines = "".join(self._lines), []
        if text:
            await self._log.addRawLines(text)

    async def close(self) -> None:
        """Write the rest, also what has no end of line; raises what ``found`` raised. Later lines have no log."""
        for stream, tail in self._tails.items():
            if tail:
                self._add(stream, "\n")
        self._closed = True
        await self.write()
        if self._error is not None:
            raise self._error
