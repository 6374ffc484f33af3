# SPDX-License-Identifier: GPL-2.0-only
"""Hosts over ssh: verbs go to the sessions that are kept, payloads by rsync or through the same connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from buildbot_cd.worker.fleet import rsync
from buildbot_cd.worker.fleet.transport import Answer, HostError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Target
    from buildbot_cd.worker.fleet.sessions import Sessions


class SshTransport:
    """Speaks to each host's verb loop; a lost one is opened again once, since every verb may be asked again.

    The sessions may outlive this transport: with ``keep`` they stay open for the next request.
    """

    def __init__(self, sessions: Sessions, timeouts: Mapping[str, float], *, keep: bool) -> None:
        self._sessions = sessions
        self._timeouts = timeouts
        self._keep = keep
        self._rsync = rsync.available()

    async def call(self, target: Target, verb: str, timeout: float, **arguments: object) -> Answer:
        """Ask the host's loop; opens connection and loop when there is none."""
        request = {"verb": verb, "root": target.root, **arguments}
        used_before = self._sessions.open_to(target)
        try:
            return checked(await self._sessions.ask(target, request, timeout, self._timeouts["connect"]))
        except HostError as error:
            if not (used_before and error.phase == "unreachable"):
                raise
        return checked(await self._sessions.ask(target, request, timeout, self._timeouts["connect"]))

    async def copy(self, target: Target, release: str, payload: Payload, prepared: Answer) -> None:
        """By rsync where both sides have it, by a tar through the loop otherwise, or if rsync gets no connection."""
        if self._rsync and prepared.get("rsync"):
            argv = rsync.command(self._sessions.ssh, target, payload.folder, release, prepared.get("release"))
            with contextlib.suppress(rsync.NoRsync):
                await rsync.run(argv, self._timeouts["copy"])
                return
        body = await payload.tar()
        request = {"verb": "unpack", "root": target.root, "release": release, "size": body[1]}
        limits = self._timeouts["copy"], self._timeouts["connect"]
        checked(await self._sessions.ask(target, request, *limits, body))

    async def close(self) -> None:
        """End all loops and connections, unless they are to be kept."""
        if not self._keep:
            await self._sessions.close()
