# SPDX-License-Identifier: GPL-2.0-only
"""Hosts over ssh: one asyncssh connection and one verb loop a host, kept until the end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncssh

from buildbot_cd.worker.fleet import rsync
from buildbot_cd.worker.fleet.loop import LoopEnded, VerbLoop, program
from buildbot_cd.worker.fleet.transport import Answer, HostError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Target

# A handshake costs the one core of this process about 5 ms; thousands begun at once time each other out.
_HANDSHAKES = 32


@dataclass(slots=True)
class _Session:
    connection: asyncssh.SSHClientConnection
    loop: VerbLoop


class SshTransport:
    """Speaks to each host's verb loop; a lost one is opened again once, since every verb may be asked again.

    ``ssh`` may hold user, port, key_file, known_hosts and config; what is left out comes from ``~/.ssh`` as with
    OpenSSH. Host keys are always checked.
    """

    def __init__(self, ssh: Mapping[str, Any], timeouts: Mapping[str, float]) -> None:
        self._ssh = ssh
        self._timeouts = timeouts
        self._options = _options(ssh, timeouts["connect"])
        self._program = program()
        self._sessions: dict[str, _Session] = {}
        self._handshakes = asyncio.Semaphore(_HANDSHAKES)
        self._rsync = rsync.available()

    async def call(self, target: Target, verb: str, timeout: float, **arguments: object) -> Answer:
        """Ask the host's loop; opens connection and loop when there is none."""
        request = {"verb": verb, "root": target.root, **arguments}
        used_before = target.name in self._sessions
        try:
            return checked(await self._ask(target, request, timeout))
        except HostError as error:
            if not (used_before and error.phase == "unreachable"):
                raise
        return checked(await self._ask(target, request, timeout))

    async def copy(self, target: Target, release: str, payload: Payload, prepared: Answer) -> None:
        """By rsync where both sides have it, by a tar through the loop otherwise, or if rsync gets no connection."""
        if self._rsync and prepared.get("rsync"):
            argv = rsync.command(self._ssh, target, payload.folder, release, prepared.get("release"))
            with contextlib.suppress(rsync.NoRsync):
                await rsync.run(argv, self._timeouts["copy"])
                return
        file, size = await payload.tar()
        request = {"verb": "unpack", "root": target.root, "release": release, "size": size}
        checked(await self._ask(target, request, self._timeouts["copy"], (file, size)))

    async def close(self) -> None:
        """End all loops and connections; those that do not answer are cut."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.loop.close()
            session.connection.abort()
        for session in sessions.values():
            await session.connection.wait_closed()

    async def _ask(self, target: Target, request: dict[str, Any], timeout: float, body: Any = None) -> Answer:
        session = self._sessions.get(target.name) or await self._open(target)
        try:
            async with asyncio.timeout(timeout):
                return await session.loop.ask(request, body)
        except TimeoutError:
            problem = f"no answer to {request['verb']} within {timeout:g} s"
        except LoopEnded as error:
            problem = f"{request['verb']}: {error}"
        self._sessions.pop(target.name, None)
        session.connection.abort()
        raise HostError("unreachable", f"{target.address}: {problem}")

    async def _open(self, target: Target) -> _Session:
        try:
            async with self._handshakes, asyncio.timeout(self._timeouts["connect"]):
                connection = await asyncssh.connect(target.address, **self._options)
                try:
                    loop = await VerbLoop.start(connection, self._program)
                except BaseException:
                    connection.abort()
                    raise
        except TimeoutError:
            problem = f"no connection within {self._timeouts['connect']:g} s"
            raise HostError("unreachable", f"{target.address}: {problem}") from None
        except (OSError, asyncssh.Error) as error:
            raise HostError("unreachable", f"{target.address}: {_text(error)}") from error
        session = self._sessions[target.name] = _Session(connection, loop)
        return session


def _text(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; is sshd running there?"
    return str(error) or type(error).__name__


def _options(ssh: Mapping[str, Any], connect: float) -> dict[str, Any]:
    """Arguments of asyncssh.connect. A missing known_hosts is left out: None would switch the check off."""
    names = {"user": "username", "port": "port", "known_hosts": "known_hosts"}
    options = {ours: ssh[key] for key, ours in names.items() if key in ssh}
    if "key_file" in ssh:
        options["client_keys"] = [ssh["key_file"]]
    if "config" in ssh:
        options["config"] = [ssh["config"]]
    return {**options, "connect_timeout": connect, "login_timeout": connect, "keepalive_interval": 15}
