# SPDX-License-Identifier: GPL-2.0-only
"""What each verb of the program does on one host, in calls of a transport."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.fleet.transport import HostError

if TYPE_CHECKING:
    from buildbot_cd.worker.fleet.events import Events
    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Request, Target
    from buildbot_cd.worker.fleet.transport import Answer, Transport


class HostRun:
    """One verb on one host; every step it makes is an event, the last one is the host's result."""

    def __init__(self, request: Request, transport: Transport, events: Events, payload: Payload | None) -> None:
        self.request = request
        self.transport = transport
        self.events = events
        self.payload = payload

    async def run(self, target: Target) -> None:
        """Do it; what goes wrong becomes an event, never an exception."""
        begun = time.monotonic()
        verb = {"stage": self._stage, "switch": self._move, "rollback": self._move}.get(self.request.verb, self._single)
        try:
            phase, answer = await verb(target, begun)
        except HostError as error:
            phase, answer = error.phase, {**error.seen, "error": str(error)}
        self._report(target, phase, begun, answer)

    def _report(self, target: Target, phase: str, begun: float, answer: Answer) -> None:
        # unknown is not the same as none: "release" is left out when the host could not be asked
        known = {key: answer[key] for key in _TOLD if key in answer}
        self.events.host(target.name, phase, time.monotonic() - begun, **known)

    async def _single(self, target: Target, begun: float) -> tuple[str, Answer]:
        del begun
        if self.request.verb == "status":
            return "status", await self._call(target, "status")
        if self.request.verb == "health":
            return "healthy", await self._health(target, self.request.release)
        arguments = {"keep": self.request.keep, "protect": list(self.request.protect), "fence": self.request.fence}
        return "collected", await self._call(target, "gc", **arguments)

    async def _stage(self, target: Target, begun: float) -> tuple[str, Answer]:
        del begun
        assert self.payload is not None
        assert self.request.release is not None
        what: dict[str, Any] = {
            "release": self.request.release,
            "manifest": self.payload.manifest,
            "fence": self.request.fence,
        }
        prepared = await self._call(target, "prepare", **what)
        if prepared["complete"]:
            return "staged", prepared
        await self.transport.copy(target, self.request.release, self.payload, prepared)
        return "staged", await self._call(target, "finish", **what)

    async def _move(self, target: Target, begun: float) -> tuple[str, Answer]:
        request, release = self.request, self.request.release_for(target)
        arguments: dict[str, Any] = {
            "release": release,
            "fence": request.fence,
            "restart": [request.fill(target, word) for word in request.restart],
            "restart_timeout": request.timeouts["restart"],
        }
        if target.name in request.expect:
            arguments["expect"] = request.expect[target.name]
        timeout = request.timeouts["verb"] + request.timeouts["restart"]
        answer = await self.transport.call(target, request.verb, timeout, **arguments)
        self._report(target, "switched" if request.verb == "switch" else "rolled_back", begun, answer)
        return "healthy", await self._health(target, release)

    async def _health(self, target: Target, release: str | None) -> Answer:
        health = self.request.health
        arguments: dict[str, Any] = {"release": release}
        if health:
            arguments["url"] = self.request.fill(target, health["url"])
            arguments["header"] = health.get("release_header")
            arguments["wait"] = float(health.get("timeout", 10.0))
        timeout = self.request.timeouts["verb"] + float(arguments.get("wait", 0.0))
        return await self.transport.call(target, "health", timeout, **arguments)

    async def _call(self, target: Target, verb: str, **arguments: object) -> Answer:
        return await self.transport.call(target, verb, self.request.timeouts["verb"], **arguments)


_TOLD = ("release", "previous", "fence", "releases", "removed", "error")
