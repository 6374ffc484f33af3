# SPDX-License-Identifier: GPL-2.0-only
"""Hosts over ssh: verbs go to the sessions that are kept, payloads through the same connection or by rsync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.fleet import rsync
from buildbot_cd.worker.fleet.transport import Answer, HostError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Body, Payload
    from buildbot_cd.worker.fleet.request import Target
    from buildbot_cd.worker.fleet.sessions import Sessions

RSYNC_BYTES = 64 << 20
"""What a host lacks is sent through its open connection up to this size; rsync, which opens one of its own but sends
only the differing parts of large files, is the better way above."""


class SshTransport:
    """Speaks to each host's verb loop; a lost one is opened again once, since every verb may be asked again.

    The sessions may outlive this transport: with ``keep`` they stay open for the next request. ``copy`` is auto, stream
    or rsync.
    """

    def __init__(
        self, sessions: Sessions, timeouts: Mapping[str, float], copy: str = "auto", *, keep: bool = False
    ) -> None:
        self._sessions = sessions
        self._timeouts = timeouts
        self._copy = copy
        self._keep = keep
        self._rsync = rsync.available()

    async def call(self, target: Target, verb: str, timeout: float, **arguments: object) -> Answer:
        """Ask the host's loop; opens connection and loop when there is none."""
        return await self._call(target, {"verb": verb, "root": target.root, **arguments}, timeout)

    async def _call(self, target: Target, request: dict[str, Any], timeout: float, body: Body | None = None) -> Answer:
        if body is not None:
            request = {**request, "size": body[1]}
        used_before = self._sessions.open_to(target)
        try:
            return checked(await self._sessions.ask(target, request, timeout, self._timeouts["connect"], body))
        except HostError as error:
            if not (used_before and error.phase == "unreachable"):
                raise
        return checked(await self._sessions.ask(target, request, timeout, self._timeouts["connect"], body))

    async def fill(self, target: Target, what: Mapping[str, Any], payload: Payload) -> Answer:
        """Send what the host cannot link from a release that it has; nothing if it has all of this one."""
        prepare = {"verb": "prepare", "root": target.root, **what}
        prepared = await self._call(target, prepare, self._timeouts["verb"], payload.listing())
        if prepared["complete"] or not prepared["missing"]:
            return prepared
        missing = prepared["missing"]
        if self._rsync and prepared["rsync"] and self._wants_rsync(payload.size(missing)):
            await self._call(target, {**prepare, "link": False}, self._timeouts["verb"])
            try:
                await self._by_rsync(target, str(what["release"]), payload, prepared.get("release"))
            except rsync.NoRsync:  # it does not get through in its own way: ours is open
                missing = (await self._call(target, prepare, self._timeouts["verb"], payload.listing()))["missing"]
            else:
                return prepared
        unpack = {"verb": "unpack", "root": target.root, "release": what["release"]}
        await self._call(target, unpack, self._timeouts["copy"], await payload.tar(missing))
        return prepared

    def _wants_rsync(self, size: int) -> bool:
        return self._copy == "rsync" or (self._copy == "auto" and size > RSYNC_BYTES)

    async def _by_rsync(self, target: Target, release: str, payload: Payload, base: str | None) -> None:
        argv = rsync.command(self._sessions.ssh, target, payload.folder, release, base)
        await rsync.run(argv, self._timeouts["copy"])

    async def close(self) -> None:
        """End all loops and connections, unless they are to be kept."""
        if not self._keep:
            await self._sessions.close()
