# SPDX-License-Identifier: GPL-2.0-only
"""Keep a pytest on a worker that has collected already; `pytest_client` gives it chunk after chunk.

    python cd_warm.py start --socket S [--files LIST] [--ran cd_ran.py] -- [arguments for pytest]
    python cd_warm.py stop --socket S

This file is sent to a worker, with the ``cd_*.py`` files beside it, and run by the tested project's own Python (3.8 or
later). ``start`` collects (only LIST's files, one a line) and leaves two processes behind,
in a session of their own: pytest, and its guard, which waits at the socket and ends both when the socket is gone or
nobody was there for `IDLE` seconds. ``start`` and ``stop`` end an older one. The events are told in
docs/explanation/dispatch.md.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buildbot_cd.worker.tests.cd_guard import Guard
    from buildbot_cd.worker.tests.cd_names import Names, cut, dumped, listed
else:
    from cd_guard import Guard
    from cd_names import Names, cut, dumped, listed

IDLE = float(os.environ.get("CD_WARM_IDLE", "600"))
PATIENCE = 10.0  # seconds for an older pytest to end
LATER = ("result", "ran")  # the next test's start, or the end, follows these at once
DIED = 3  # exit status if pytest ended before it had collected


def say(text: str) -> None:
    """One event on stdout, cut as workers need it."""
    sys.stdout.write(cut(text))
    sys.stdout.flush()


# -- start and stop


def locked(path: str, patience: float) -> int:
    """The lock that a guard holds as long as it lives; raises SystemExit if another one does not let go."""
    handle = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                sys.exit(f"an older pytest does not end: see {path}.log")
            time.sleep(0.02)
        else:
            return handle


def stop(path: str) -> int:
    """Take the socket away, which ends the guard and its pytest; gives the lock."""
    with contextlib.suppress(OSError):
        os.unlink(path)
    return locked(path, PATIENCE)


def start(options: argparse.Namespace, rest: list[str]) -> int:
    """Leave guard and pytest behind, and wait until pytest has collected."""
    lock = stop(options.socket)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        guard(options, rest, lock, writing)
    os.close(writing)
    os.close(lock)
    ready = False
    with os.fdopen(reading, encoding="ascii") as lines:
        for line in lines:
            ready = json.loads(line)["event"] == "ready"
            say(line.rstrip("\n"))
            if ready:
                break
    return 0 if ready else DIED


def guard(options: argparse.Namespace, rest: list[str], lock: int, writing: int) -> None:
    """Run pytest in a process group of its own and stand before it until it is time; never returns."""
    log = os.open(options.socket + ".log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, handle in ((0, nothing), (1, log), (2, log)):
        os.dup2(handle, number)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(options.socket)
    listening.listen(4)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(lock)
        listening.close()
        ours.close()
        os._exit(served(options, rest, theirs, writing))
    os.close(writing)
    theirs.close()
    Guard(options.socket, listening, ours, child, IDLE).run()
    os._exit(0)


# -- pytest's side


class Line:
    """Where events go: first to ``start``, then to the guard."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.pid = os.getpid()
        self.held = ""

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event; what a test gave goes out with what is told next, which is at once: one write a test.

        A child that a test forked off and forgot must not speak here.
        """
        if os.getpid() != self.pid or self.handle < 0:
            return
        self.held += dumped(dict({"event": kind}, **fields)) + "\n"
        if kind in LATER:
            return
        data, self.held = self.held.encode("ascii"), ""
        try:
            while data:
                data = data[os.write(self.handle, data) :]
        except OSError:  # the guard is gone, and so will we be
            self.handle = -1


def served(options: argparse.Namespace, rest: list[str], channel: socket.socket, writing: int) -> int:
    """pytest, from collection to the end of the last chunk."""
    # clients have no use for what needs pytest
    if TYPE_CHECKING:
        from buildbot_cd.worker.tests import cd_plugin as base
        from buildbot_cd.worker.tests.cd_chunks import Warm
        from buildbot_cd.worker.tests.cd_run import recording
    else:
        import cd_plugin as base

    line = Line(writing)
    if base.NO_PYTEST:
        line.event("error", nid=None, path=None, text=base.NO_PYTEST)
        return 4
    if not TYPE_CHECKING:
        from cd_chunks import Warm
        from cd_run import recording

    files = listed(options.files) if options.files else None
    names = Names(os.getcwd())
    sys.path[0] = names.top  # as python -m pytest has it; not the folder of this file
    sys.argv[:] = ["pytest", *rest]
    plugin = Warm(line, names, files, channel)
    code = int(base.pytest.main(rest, plugins=[plugin, *recording(options, plugin)]))
    plugin.finish(code)
    return code


# -- the program


def main(argv: list[str]) -> int:
    """The program."""
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="cd_warm.py", description="A pytest that stays; see the top of this file.")
    parser.add_argument("verb", choices=("start", "stop"))
    parser.add_argument("--socket", required=True, help="a short path: Unix sockets take some hundred characters")
    parser.add_argument("--files", help="list of test files; for start")
    parser.add_argument("--ran", help="where pytest_ran.py lies, to tell what each test ran; for start")
    parser.add_argument("--traced", action="store_true", help="do so also by coverage.py, below Python 3.12")
    options = parser.parse_args(argv[:at])
    if options.verb == "stop":
        os.close(stop(options.socket))
        return 0
    return start(options, argv[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
