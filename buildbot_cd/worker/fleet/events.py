# SPDX-License-Identifier: GPL-2.0-only
"""What the program says on stdout: JSON objects as lines (`core.wire`), flushed at once, ASCII only."""

from __future__ import annotations

import time
from typing import Protocol

from buildbot_cd.core.wire import lines

BAD = frozenset({"failed", "unreachable", "unhealthy", "refused"})


class Out(Protocol):
    """Where the lines go: stdout, or the connection to a client."""

    def write(self, text: str, /) -> object:
        """Take some lines."""

    def flush(self) -> object:
        """Let them go now."""


class Events:
    """Writes the events and counts the hosts; each host's last phase is its result."""

    def __init__(self, out: Out, hosts: int) -> None:
        self.out = out
        self.of = hosts
        self.begun = time.monotonic()
        self.done = 0
        self.last: dict[str, str] = {}
        self._bad = 0

    def host(self, name: str, phase: str, seconds: float, **more: object) -> None:
        """Report a phase of one host; ``more`` holds release, previous, error and what else the verb tells."""
        self._bad += (phase in BAD) - (self.last.get(name) in BAD)
        self.last[name] = phase
        self._say("host", host=name, phase=phase, **more, seconds=round(seconds, 3))

    def bad(self) -> int:
        """How many hosts stand in a bad phase."""
        return self._bad

    def progress(self) -> None:
        """Report how many hosts are done, and how many seconds the rest will take at this pace (null: not known)."""
        elapsed = time.monotonic() - self.begun
        eta = round(elapsed / self.done * (self.of - self.done), 1) if self.done else None
        self._say("progress", done=self.done, of=self.of, eta=eta)

    def end(self) -> int:
        """Report the sums; the exit code of the program."""
        failed, skipped = self.bad(), sum(phase == "skipped" for phase in self.last.values())
        good = self.of - failed - skipped
        seconds = round(time.monotonic() - self.begun, 3)
        self._say("end", ok=good, failed=failed, skipped=skipped, of=self.of, seconds=seconds)
        return 0 if good == self.of else 1

    def _say(self, event: str, **what: object) -> None:
        self.out.write("".join(line + "\n" for line in lines({"event": event, **what})))
        self.out.flush()
