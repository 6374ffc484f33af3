# SPDX-License-Identifier: GPL-2.0-only
"""The daemon of the deploy worker: it keeps the connections to the hosts between the commands of a rollout.

It listens on a unix socket in a folder of the builder, serves whoever may read that folder, and ends by itself: when
nobody has asked anything for a while, when its socket is gone (the folder was removed, or another daemon took it), or
when it is told to. A client whose connection ends, because it was killed or its worker was, stops its own request.

One JSON line comes in: ``{"op": "run", "request": TEXT, "idle": SECONDS, "code": DIGEST}``, or ``{"op": "stop",
"fence": N}``. Event lines go out, the first ``{"event": "accepted"}`` (or ``"replace"``: this daemon runs other code),
the last ``{"event": "exit", "code": N}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import resource
import socket
import struct
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import FleetError
from buildbot_cd.worker.fleet.fanout import fan_out, open_transport
from buildbot_cd.worker.fleet.place import LOCK, SOCKET, code_digest
from buildbot_cd.worker.fleet.request import parse_request

if TYPE_CHECKING:
    from buildbot_cd.worker.fleet.request import Request
    from buildbot_cd.worker.fleet.sessions import Sessions
    from buildbot_cd.worker.fleet.transport import Transport

IDLE_SECONDS = 900.0
_LONGEST_REQUEST = 1 << 26
_LOOK_SECONDS = 1.0
_READS = frozenset({"status", "health"})
"""Verbs that change nothing: any epoch may ask them."""


class Daemon:
    """Requests, the sessions that they share, and when to end. All of it lives in one event loop."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._pools: dict[str, Sessions] = {}
        self._epoch = 0
        self._running: dict[asyncio.Task[int], int] = {}
        self._idle = IDLE_SECONDS
        self._asked = asyncio.get_running_loop().time()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one message."""
        try:
            if not _same_user(writer):
                return
            line = await reader.readline()
            if line:
                await self._obey(json.loads(line), reader, writer)
        except (ValueError, ConnectionError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _obey(self, message: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if message["op"] == "stop":
            fence = message.get("fence")
            if fence is not None and int(fence) < self._epoch:
                _say(writer, event="kept")  # whoever says it is over does not know of the rollout that has begun since
            else:
                self.over.set()
                _say(writer, event="exit", code=0)
        elif message.get("code") != code_digest():
            _say(writer, event="replace")
        else:
            _say(writer, event="accepted")
            self._idle = float(message.get("idle") or IDLE_SECONDS)
            code = await self._until_gone(self._run(str(message["request"]), writer), reader)
            _say(writer, event="exit", code=code)

    async def _until_gone(self, work: Any, reader: asyncio.StreamReader) -> int:
        """Let the work go on for as long as its client is there."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
        return 2 if task.cancelled() else int(task.result())

    async def _run(self, text: str, writer: asyncio.StreamWriter) -> int:
        try:
            request = parse_request(text)
            await self._take_over(request)
            task = asyncio.create_task(fan_out(request, _Lines(writer), self._transport))
            self._running[task] = request.fence
            try:
                return await task
            finally:
                del self._running[task]
                self._asked = asyncio.get_running_loop().time()
        except FleetError as error:
            _say(writer, event="error", error=str(error))
        except asyncio.CancelledError:
            _say(writer, event="error", error="stopped: a newer rollout has begun, or nobody waits for this one")
        return 2

    async def _take_over(self, request: Request) -> None:
        """A newer epoch stops what an older one still has in the air, and inherits the connections."""
        if request.verb in _READS:
            return
        if request.fence < self._epoch:
            raise FleetError(f"fence {request.fence} is older than {self._epoch}: a newer rollout uses this daemon")
        self._epoch = request.fence
        older = [task for task, epoch in self._running.items() if epoch < request.fence]
        for task in older:
            task.cancel()
        if older:
            await asyncio.wait(older)

    def _transport(self, request: Request) -> Transport:
        if request.transport != "ssh":
            return open_transport(request)
        from buildbot_cd.worker.fleet.sessions import Sessions
        from buildbot_cd.worker.fleet.ssh import SshTransport

        key = json.dumps(request.ssh, sort_keys=True)
        if key not in self._pools:
            self._pools[key] = Sessions(request.ssh)
        return SshTransport(self._pools[key], request.timeouts, request.copy, keep=True)

    async def watch(self, inode: int) -> None:
        """Return when it is time to end; ``inode`` is the socket's."""
        while not self.over.is_set() and _inode() == inode:
            quiet = asyncio.get_running_loop().time() - self._asked
            if not self._running and quiet > self._idle:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self.over.wait()

    async def close(self) -> None:
        """Stop what runs and close all connections."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for pool in self._pools.values():
            await pool.close()


class _Lines:
    """Events to a client; whether it still reads them is not ours to wait for."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def write(self, text: str) -> None:
        self._writer.write(text.encode("ascii"))

    def flush(self) -> None:
        """Sockets do that by themselves."""


def _say(writer: asyncio.StreamWriter, **event: object) -> None:
    writer.write(json.dumps(event).encode("ascii") + b"\n")


def _same_user(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side runs under our account: the folder's mode may be wider than it should be."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] in (os.geteuid(), 0))


def _inode() -> int | None:
    try:
        return os.stat(SOCKET).st_ino
    except OSError:
        return None


def serve(place: str, ready: int) -> int:
    """Be the daemon of the folder ``place``; a byte is written to the file descriptor ``ready`` when clients may come.

    0 at the end, 1 if another daemon is there.
    """
    os.chdir(place)
    os.umask(0o077)
    _many_files()
    with open(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 1
        os.pwrite(lock.fileno(), b"%-20d\n" % os.getpid(), 0)  # over the old one in one go: it is never half there
        asyncio.run(_serve(ready))
    return 0


def _many_files() -> None:
    """A connection is a file; the usual soft limit of 1024 is too few for a fleet."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(ready: int) -> None:
    daemon = Daemon()
    server = await asyncio.start_unix_server(daemon.client, SOCKET, limit=_LONGEST_REQUEST)
    inode = _inode()
    os.write(ready, b"x")
    os.close(ready)
    if inode is not None:
        await daemon.watch(inode)
    server.close()
    if _inode() == inode:
        os.unlink(SOCKET)
    await daemon.close()
