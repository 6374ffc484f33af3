# SPDX-License-Identifier: GPL-2.0-only
"""Runs a program that prints the numbers: for whatever no other source can read."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from twisted.internet import defer, threads

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import printable
from buildbot_cd.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from buildbot_cd.sources.snapshot import HostAddress


class CommandSource:
    """Runs `argv` for each reading; it prints one JSON object: ``{"web-1": {"errors": 3, "requests": 1200}, ...}``.

    wanted: names to keep. timeout: seconds after which the program and all that it started are killed. max_bytes: of
    its output. cwd: where it runs. No shell reads `argv`.
    """

    def __init__(
        self,
        reactor: Any,
        argv: Sequence[str],
        wanted: Sequence[str],
        *,
        timeout: float = 4.0,
        max_bytes: int = 16 << 20,
        cwd: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reactor, self._argv, self._wanted = reactor, list(argv), frozenset(wanted)
        self._timeout, self._max_bytes, self._cwd, self._clock = timeout, max_bytes, cwd, clock

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All hosts at one moment. SourceError when the program fails, is too slow, or prints something else."""
        taken = self._clock()
        pool = self._reactor.getThreadPool()
        running: defer.Deferred[bytes] = threads.deferToThreadPool(self._reactor, pool, self._run)
        page = self._object(await running)
        values: dict[str, dict[str, float]] = {}
        errors: dict[str, str] = {}
        for host in hosts:
            named = page.get(host.name)
            found = (
                _numbers(named, self._wanted) if isinstance(named, dict) else "the command says nothing of this host"
            )
            if isinstance(found, str):
                errors[host.name] = found
            else:
                values[host.name] = found
        return Snapshot(taken, values, errors)

    async def close(self) -> None:
        """Nothing is kept between two readings."""

    def _run(self) -> bytes:
        """In a thread: the program's output."""
        try:
            program = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._cwd,
                start_new_session=True,
            )
        except OSError as problem:
            raise SourceError(f"command {self._argv[0]} cannot be started: {problem}") from None
        try:
            out, said = program.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
            raise SourceError(f"command {self._argv[0]} took longer than {self._timeout:g} s and was killed") from None
        if program.returncode:
            words = printable(said.decode("utf-8", "replace"), 200)
            raise SourceError(f"command {self._argv[0]} ended with {program.returncode}: {words}")
        if len(out) > self._max_bytes:
            raise SourceError(f"command {self._argv[0]} printed more than {self._max_bytes} bytes")
        return out

    def _object(self, out: bytes) -> dict[str, Any]:
        try:
            page = json.loads(out)
        except (ValueError, RecursionError):
            page = None
        if not isinstance(page, dict):
            shown = printable(out.decode("utf-8", "replace"), 120)
            raise SourceError(f"command {self._argv[0]} should print a JSON object by host, not: {shown}")
        return page


def _numbers(named: dict[str, Any], wanted: frozenset[str]) -> dict[str, float] | str:
    found = {}
    for name in sorted(wanted & named.keys()):
        value = named[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{printable(name)} is {printable(repr(value), 60)}, which is no usable number"
        found[name] = float(value)
    return found
