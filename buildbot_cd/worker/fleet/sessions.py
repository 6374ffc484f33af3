# SPDX-License-Identifier: GPL-2.0-only
"""One asyncssh connection and one verb loop a host, opened when it is first asked and kept until closed or lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncssh

from buildbot_cd.worker.fleet.loop import LoopEnded, VerbLoop, program
from buildbot_cd.worker.fleet.transport import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Body
    from buildbot_cd.worker.fleet.request import Target
    from buildbot_cd.worker.fleet.transport import Answer

# A handshake costs the one core of this process about 5 ms; thousands begun at once time each other out.
_HANDSHAKES = 32


@dataclass(slots=True)
class _Session:
    connection: asyncssh.SSHClientConnection
    loop: VerbLoop


@dataclass(slots=True)
class _Place:
    """What is known of one address; requests to it go one after the other."""

    session: _Session | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """``ssh`` may hold user, port, key_file, known_hosts and config; what is left out comes from ``~/.ssh`` as with
    OpenSSH: config with its jump hosts, agent, default keys, known_hosts. Host keys are always checked.
    """

    def __init__(self, ssh: Mapping[str, Any]) -> None:
        self.ssh = ssh
        self._program = program()
        self._places: dict[tuple[str, int | None], _Place] = {}
        self._handshakes = asyncio.Semaphore(_HANDSHAKES)

    def open_to(self, target: Target) -> bool:
        """Whether a connection is there; it may turn out to be lost."""
        place = self._places.get(_where(target))
        return place is not None and place.session is not None

    async def ask(
        self, target: Target, request: dict[str, Any], timeout: float, connect: float, body: Body | None = None
    ) -> Answer:
        """The answer of the host's loop, which is opened first if there is none; times are in seconds.

        :raises HostError: unreachable; the session is given up then.
        """
        place = self._places.setdefault(_where(target), _Place())
        async with place.turn:
            if place.session is None:
                place.session = await self._open(target, connect)
            session, problem = place.session, ""
            answer: Answer | None = None
            try:
                async with asyncio.timeout(timeout):
                    answer = await session.loop.ask(request, body)
            except TimeoutError:
                problem = f"no answer to {request['verb']} within {timeout:g} s"
            except LoopEnded as error:
                problem = f"{request['verb']}: {error}"
            finally:
                if answer is None:  # cancelled as well: an answer that is still to come would be taken for the next one
                    place.session = None
                    session.connection.abort()
        if answer is not None:
            return answer
        raise HostError("unreachable", f"{target.address}: {problem}")

    async def close(self) -> None:
        """End all loops and connections; those that do not answer are cut."""
        sessions = [place.session for place in self._places.values() if place.session is not None]
        self._places = {}
        for session in sessions:
            session.loop.close()
            session.connection.abort()
        for session in sessions:
            await session.connection.wait_closed()

    async def _open(self, target: Target, timeout: float) -> _Session:
        try:
            async with self._handshakes, asyncio.timeout(timeout):
                connection = await asyncssh.connect(target.address, **_options(self.ssh, target, timeout))
                try:
                    return _Session(connection, await VerbLoop.start(connection, self._program))
                except BaseException:
                    connection.abort()
                    raise
        except TimeoutError:
            raise HostError("unreachable", f"{target.address}: no connection within {timeout:g} s") from None
        except (OSError, asyncssh.Error) as error:
            raise HostError("unreachable", f"{target.address}: {_text(error)}") from error


def _text(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; is sshd running there?"
    return str(error) or type(error).__name__


def _where(target: Target) -> tuple[str, int | None]:
    return target.address, target.host.port


def _options(ssh: Mapping[str, Any], target: Target, connect: float) -> dict[str, Any]:
    """Arguments of asyncssh.connect. A missing known_hosts is left out: None would switch the check off."""
    names = {"user": "username", "port": "port", "known_hosts": "known_hosts"}
    options = {ours: ssh[key] for key, ours in names.items() if key in ssh}
    if target.host.port is not None:
        options["port"] = target.host.port
    if "key_file" in ssh:
        options["client_keys"] = [ssh["key_file"]]
    if "config" in ssh:
        options["config"] = [ssh["config"]]
    return {**options, "connect_timeout": connect, "login_timeout": connect, "keepalive_interval": 15}
