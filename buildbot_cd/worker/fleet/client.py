# SPDX-License-Identifier: GPL-2.0-only
"""The short command of a step: hands its request to the daemon, passes on the events, ends with the exit code.

It starts the daemon where there is none, in a session of its own, and replaces one of other code or one that does not
answer. Should the daemon die in the middle, another one is started and asked again: every verb may be.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from buildbot_cd.errors import FleetError
from buildbot_cd.worker.fleet.place import LOCK, LOG, SOCKET, code_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 20.0
ANSWER_SECONDS = 10.0
STOP_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A daemon that reports no progress for so long hangs."""
TRIES = 5
_LOG_LIMIT = 256 * 1024


class _Lost(Exception):
    """The daemon is not there, does not answer or runs other code."""


def through_daemon(place: str, text: str, idle: float | None, out: IO[str]) -> int:
    """Let the daemon of the folder do the request and write its events to ``out``; the exit code.

    :raises FleetError: no daemon can be started, or each one dies.
    """
    message = {"op": "run", "request": _absolute(text), "idle": idle, "code": code_digest()}
    for _ in range(TRIES):
        try:
            with _connected(place) as connection:
                return _ask(connection, message, out)
        except _Lost:
            stop_daemon(place)  # of other code, or hung; nothing if it is dead already
            _start(place)
    raise FleetError(f"the fan-out daemon ended {TRIES} times in the middle of this; see {place}/{LOG}")


def stop_daemon(place: str, fence: int | None = None) -> None:
    """End the daemon of the folder, if there is one, and wait until it is gone; one that does not listen is killed.

    With ``fence`` a daemon that serves a newer rollout by now is left alone.
    """
    with contextlib.suppress(_Lost, OSError), _connected(place) as connection:
        _send(connection, {"op": "stop", "fence": fence})
        with connection.makefile("r", encoding="ascii") as lines:
            if '"kept"' in lines.readline():
                return
    for limit in (STOP_SECONDS, STOP_SECONDS):
        holder = _holder(place, limit)
        if holder is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, signal.SIGKILL)
    raise FleetError(f"the daemon of {place} (process {holder}) cannot be ended")


def _holder(place: str, seconds: float) -> int | None:
    """The process id of a daemon that still lives after so many seconds; its lock tells, and dies with it."""
    until = time.monotonic() + seconds
    try:
        lock = open(os.path.join(place, LOCK))  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return None
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.pread(lock.fileno(), 20, 0).strip()
                if time.monotonic() > until and pid:
                    return int(pid)
                time.sleep(0.02)
            else:
                return None


@contextlib.contextmanager
def _connected(place: str) -> Iterator[socket.socket]:
    """A connection to the daemon. The address goes through a descriptor: names of sockets are short, paths are not."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
            except OSError as error:
                raise _Lost(str(error)) from error
            yield connection
    finally:
        os.close(folder)


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    try:
        connection.sendall(json.dumps(message).encode("ascii") + b"\n")
    except OSError as error:
        raise _Lost(str(error)) from error


def _ask(connection: socket.socket, message: dict[str, Any], out: IO[str]) -> int:
    _send(connection, message)
    with connection.makefile("r", encoding="ascii") as lines:
        try:
            if '"accepted"' not in lines.readline():
                raise _Lost("other code, or gone")
            connection.settimeout(SILENT_SECONDS)  # progress comes every second
            for line in lines:
                if line.startswith('{"event": "exit"'):
                    return int(json.loads(line)["code"])
                out.write(line)
                out.flush()
        except OSError as error:
            raise _Lost(str(error)) from error
    raise _Lost("the daemon died")


def _start(place: str) -> None:
    """Start a daemon, or find that somebody else just did.

    :raises FleetError: it did not come up; with its last words.
    """
    reader, writer = os.pipe()
    argv = [sys.executable, "-m", "buildbot_cd.worker.fleet", "--serve", place, "--ready", str(writer)]
    with open(reader, "rb", buffering=0) as said, _log(place) as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(writer,)
        )
        os.close(writer)
        ready = select.select([said], [], [], START_SECONDS)[0] and said.read(1)
        if ready:
            process.returncode = 0  # it goes on without us: Popen shall neither wait for it nor complain
            return
        process.kill()
        if process.wait() == 1 and _holder(place, 0) is not None:
            return
        log.seek(0)
        words = log.read().decode("utf-8", "replace").strip()[-500:]
    raise FleetError(f"the fan-out daemon did not start in {place}: {words or 'it said nothing'}")


@contextlib.contextmanager
def _log(place: str) -> Iterator[IO[bytes]]:
    path = os.path.join(place, LOG)
    if os.path.exists(path) and os.path.getsize(path) > _LOG_LIMIT:
        os.unlink(path)
    with open(path, "a+b", opener=lambda name, flags: os.open(name, flags, 0o600)) as log:
        yield log


def _absolute(text: str) -> str:
    """The request with paths that mean the same in the daemon's folder; nonsense stays as it is."""
    try:
        request = json.loads(text)
    except ValueError:
        return text
    for key in ("payload", "archive"):
        if isinstance(request, dict) and isinstance(request.get(key), str):
            request[key] = os.path.abspath(request[key])
    return json.dumps(request)
