# SPDX-License-Identifier: GPL-2.0-only
"""Processes that somebody else may have started: named so that a recycled pid is never taken for them.

Linux only: the demo's fleet needs 127.0.0.0/8 and pidfds. Imports little, because forty short programs load it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# SIGKILL needs no answer, but a busy machine needs a moment to take the process down.
KILL_SECONDS = 10.0


class Process(NamedTuple):
    """A pid and the moment it was started at, in clock ticks since boot: together they name one process for good."""

    pid: int
    started: int


def find(pid: int) -> Process | None:
    """The living process with this pid; None when there is none, or only its remains (a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {b"Z", b"X", b"x"} else Process(pid, int(fields[19]))


def alive(process: Process) -> bool:
    """Whether exactly this process still runs."""
    return find(process.pid) == process


def within(directory: str, word: str) -> Iterator[Process]:
    """Processes that work in `directory` or below, also when it was deleted, and have `word` as an argument."""
    prefix = os.path.realpath(directory)
    for place in Path("/proc").glob("[1-9]*"):
        try:
            where = str((place / "cwd").readlink()).removesuffix(" (deleted)")
            if where != prefix and not where.startswith(prefix + os.sep):
                continue
            arguments = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        process = find(int(place.name))
        if word.encode() in arguments and process is not None:
            yield process


def end(processes: Iterable[Process], patience: float) -> list[Process]:
    """Ask with SIGTERM, wait up to `patience` seconds in all, then SIGKILL; returns those that were still running.

    When this returns none of them runs any more.
    """
    held = {fd: process for process in processes if (fd := _hold(process)) is not None}
    try:
        for fd in held:
            _send(fd, signal.SIGTERM)
        stubborn = wait_for(set(held), patience)
        for fd in stubborn:
            _send(fd, signal.SIGKILL)
        wait_for(stubborn, KILL_SECONDS)
        return list(held.values())
    finally:
        for fd in held:
            os.close(fd)


def _hold(process: Process) -> int | None:
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return None
    # Checked after the pidfd was taken: from here on it cannot come to mean another process.
    if alive(process):
        return fd
    os.close(fd)
    return None


def _send(fd: int, number: int) -> None:
    with contextlib.suppress(OSError):
        signal.pidfd_send_signal(fd, number)


def wait_for(fds: set[int], seconds: float) -> set[int]:
    """Wait until the processes behind these pidfds have ended; returns those that have not in `seconds`."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    left = set(fds)
    deadline = time.monotonic() + seconds
    while left and (rest := deadline - time.monotonic()) > 0:
        for fd, _ in poller.poll(rest * 1000):
            poller.unregister(fd)
            left.discard(fd)
    return left
