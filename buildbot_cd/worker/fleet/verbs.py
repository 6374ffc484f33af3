# SPDX-License-Identifier: GPL-2.0-only
"""What each verb of the program does on one host, in calls of a transport."""

from __future__ import annotations

import asyncio
import contextlib
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
        self._drained = asyncio.Semaphore(request.drains)

    async def run(self, target: Target) -> None:
        """Do it; what goes wrong becomes an event, never an exception."""
        begun = time.monotonic()
        verb = {"stage": self._stage, "switch": self._move, "rollback": self._move}.get(self.request.verb, self._single)
        if self.request.dry:
            verb = self._plan
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
        request = self.request
        if request.verb == "status":
            return "status", await self._call(target, "status")
        if request.verb == "health":
            health = self._health(target)
            arguments = {"release": request.release, **(health or {})}
            timeout = request.timeouts["verb"] + (health["wait"] if health else 0.0)
            return "healthy", await self.transport.call(target, "health", timeout, **arguments)
        if request.verb in ("drain", "undrain"):
            words = request.drain if request.verb == "drain" else request.undrain
            argv = [request.fill(target, word) for word in words]
            return f"{request.verb}ed", await self._call(target, request.verb, argv=argv)
        arguments = {"keep": request.keep, "protect": list(request.protect), "fence": request.fence}
        return "collected", await self._call(target, "gc", **arguments)

    async def _plan(self, target: Target, begun: float) -> tuple[str, Answer]:
        """Ask, change nothing, and say what the verb would do."""
        del begun
        seen = await self._call(target, "status")
        verb, release = self.request.verb, self.request.release_for(target)
        current, there = seen.get("release"), seen.get("releases", [])
        if verb == "stage":
            would = "nothing: it is there" if release in there else f"stage {release}"
        elif verb in ("switch", "rollback"):
            would = f"{verb} from {current} to {release}" if current != release else f"nothing: {release} is current"
        else:
            would = verb
        return "planned", {**seen, "would": would}

    async def _stage(self, target: Target, begun: float) -> tuple[str, Answer]:
        del begun
        request = self.request
        assert self.payload is not None
        what = {"release": request.release, "manifest": self.payload.manifest, "fence": request.fence}
        if request.pull:
            prepared = await self._call(target, "prepare", **what)
            if not prepared["complete"]:
                argv, seconds = [request.fill(target, word) for word in request.pull], request.timeouts["copy"]
                order = {"release": request.release, "argv": argv, "timeout": seconds}
                await self.transport.call(target, "pull", seconds + request.timeouts["verb"], **order)
        else:
            prepared = await self.transport.fill(target, what, self.payload)
        if prepared["complete"]:
            return "staged", prepared
        return "staged", await self.transport.call(target, "finish", request.timeouts["copy"], **what)

    async def _move(self, target: Target, begun: float) -> tuple[str, Answer]:
        """One message: the host does all of it, and puts itself back into traffic even if we are gone by then."""
        request, health = self.request, self._health(target)
        arguments: dict[str, Any] = {
            "release": request.release_for(target),
            "fence": request.fence,
            "restart": [request.fill(target, word) for word in request.restart],
            "restart_timeout": request.timeouts["restart"],
            "drain": [request.fill(target, word) for word in request.drain],
            "undrain": [request.fill(target, word) for word in request.undrain],
            "drain_timeout": request.timeouts["drain"],
            "health": health,
        }
        if target.name in request.expect:
            arguments["expect"] = request.expect[target.name]
        timeout = request.timeouts["verb"] + (request.timeouts["restart"] if request.restart else 0.0)
        timeout += (health["wait"] if health else 0.0) + (2 * request.timeouts["drain"] if request.drain else 0.0)
        async with self._drained if request.drain else contextlib.nullcontext():
            answer = await self.transport.call(target, request.verb, timeout, **arguments)
        self._report(target, "switched" if request.verb == "switch" else "rolled_back", begun, answer)
        return "healthy", answer

    def _health(self, target: Target) -> dict[str, Any] | None:
        health = self.request.health
        if not health:
            return None
        url, wait = self.request.fill(target, health["url"]), float(health.get("timeout", 10.0))
        return {"url": url, "header": health.get("release_header"), "wait": wait}

    async def _call(self, target: Target, verb: str, **arguments: object) -> Answer:
        return await self.transport.call(target, verb, self.request.timeouts["verb"], **arguments)


_TOLD = ("release", "previous", "fence", "drained", "releases", "closed", "removed", "would", "error")
