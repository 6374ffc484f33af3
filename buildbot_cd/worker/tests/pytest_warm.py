# SPDX-License-Identifier: GPL-2.0-only
"""Keep a pytest on a worker that has collected already, and give it chunk after chunk.

    python cd_warm.py start --socket S --runner cd_pytest.py [--files LIST] [--ran cd_ran.py] -- [arguments for pytest]
    python cd_warm.py chunk --socket S          {"tests": [{"nid": ..., "after": [nid, ...]}, ...]} on stdin
    python cd_warm.py stop --socket S

This file is sent to a worker beside `pytest_stream.py` and `pytest_chunks.py`, and run by the tested project's own
Python (3.8 or later). ``start`` collects (only LIST's files, one a line) and leaves two processes behind, in a session
of their own: pytest, which waits at the socket, and its guard, which ends it when the socket is gone or nobody was
there for `IDLE` seconds. ``start`` and ``stop`` end an older one. What the events mean tells `pytest_stream.py`;
besides there are ``ready``, ``blocked`` (what the test waits for did not pass in this chunk) and ``died`` (pytest
ended; no ``end`` follows).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE = float(os.environ.get("CD_WARM_IDLE", "600"))
BEAT = 10.0  # seconds between a client's signs of life
PATIENCE = 10.0  # seconds for an older pytest to end
WIDTH = 3000  # characters of JSON on one line of stdout
DIED = 3  # exit status of a client whose pytest ended


def say(text: str) -> None:
    """One event on stdout, cut as workers need it."""
    pieces = [text]
    if len(text) > WIDTH:
        pieces = ["+" + text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        pieces[-1] = ">" + pieces[-1][1:]
    sys.stdout.write("".join(piece + "\n" for piece in pieces))
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
    """Run pytest in a process group of its own and end it when it is time; never returns."""
    log = os.open(options.socket + ".log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, handle in ((0, nothing), (1, log), (2, log)):
        os.dup2(handle, number)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(options.socket)
    listening.listen(4)
    mine = os.stat(options.socket).st_ino
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(lock)
        os._exit(served(options, rest, listening, writing))
    os.close(writing)
    listening.close()
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        seconds = age(options.socket, mine)
        if seconds is None or seconds > IDLE:
            break
        time.sleep(0.1)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    if age(options.socket, mine) is not None:
        os.unlink(options.socket)
    os._exit(0)


def age(path: str, mine: int) -> float | None:
    """Seconds since a client touched the socket; None if it is not there or not ours."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return time.time() - found.st_mtime if found.st_ino == mine else None


# -- pytest's side


class Line:
    """Where events go: first to ``start``, then to the client of the moment."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.pid = os.getpid()

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event at once. A child that a test forked off and forgot must not speak here."""
        if os.getpid() != self.pid or self.handle < 0:
            return
        data = (json.dumps(dict({"event": kind}, **fields), ensure_ascii=True) + "\n").encode("ascii")
        try:
            while data:
                data = data[os.write(self.handle, data) :]
        except OSError:  # the client is gone; the chunk goes on to its end, and nobody hears of it
            self.handle = -1


def loaded(name: str, place: str) -> Any:
    """The program there as a module of this name."""
    spec: Any = importlib.util.spec_from_file_location(name, place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def served(options: argparse.Namespace, rest: list[str], listening: socket.socket, writing: int) -> int:
    """pytest, from collection to the end of the last chunk."""
    runner = loaded("cd_pytest", options.runner)
    line = Line(writing)
    if runner.NO_PYTEST:
        line.event("error", nid=None, path=None, text=runner.NO_PYTEST)
        return 4
    files = runner.listed(options.files) if options.files else None
    names = runner.Names(os.getcwd())
    sys.path[0] = names.top  # as python -m pytest has it; not the folder of this file
    sys.argv[:] = ["pytest", *rest]
    here = os.path.dirname(os.path.abspath(__file__))
    places = [os.path.join(here, name) for name in ("cd_chunks.py", "pytest_chunks.py")]
    chunks = loaded("cd_chunks", next(one for one in places if os.path.exists(one)))
    plugin = chunks.Warm(line, names, files, listening)
    code = int(runner.pytest.main(rest, plugins=[plugin, *runner.recording(options, plugin)]))
    plugin.finish(code)
    return code


# -- a client


def chunk(path: str, asked: dict[str, Any]) -> int:
    """Have the tests run that are asked for, and pass on what pytest says."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(path)
            line.sendall((json.dumps(asked) + "\n").encode("ascii"))
        except OSError as error:
            say(json.dumps({"event": "died", "text": f"no pytest waits at {path}: {error}"}))
            return DIED
        last = b""
        for last in lines_of(line, path):
            say(last.decode("ascii"))
    if last.startswith(b'{"event": "end"'):
        return 0
    if not last.startswith(b'{"event": "died"'):
        say(json.dumps({"event": "died", "text": f"pytest ended in the middle of a test: see {path}.log"}))
    return DIED


def lines_of(line: socket.socket, path: str) -> Iterator[bytes]:
    """What arrives, line by line; the socket is touched as long as somebody listens."""
    rest = b""
    while True:
        with contextlib.suppress(OSError):
            os.utime(path)
        if not select.select([line], [], [], BEAT)[0]:
            continue
        try:
            data = line.recv(65536)
        except OSError:
            data = b""
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        yield from whole


def main(argv: list[str]) -> int:
    """The program."""
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="cd_warm.py", description="A pytest that stays; see the top of this file.")
    parser.add_argument("verb", choices=("start", "chunk", "stop"))
    parser.add_argument("--socket", required=True, help="a short path: Unix sockets take some hundred characters")
    parser.add_argument("--runner", help="where pytest_stream.py lies; for start")
    parser.add_argument("--files", help="list of test files; for start")
    parser.add_argument("--ran", help="where pytest_ran.py lies, to tell what each test ran; for start")
    parser.add_argument("--traced", action="store_true", help="do so also by coverage.py, below Python 3.12")
    options = parser.parse_args(argv[:at])
    if options.verb == "chunk":
        return chunk(options.socket, json.load(sys.stdin))
    if options.verb == "stop":
        os.close(stop(options.socket))
        return 0
    if options.runner is None:
        parser.error("start needs --runner")
    return start(options, argv[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
