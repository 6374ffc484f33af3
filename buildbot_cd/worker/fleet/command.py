# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that other tools reach: each verb is a program on the deploy worker, run for one host at a time.

The host may be whatever the programs take it for: a machine, a Deployment of Kubernetes, a job of Nomad. What a host of
ours checks by itself is checked here instead: the release that must be there before, and the one that is there after.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.fleet.host_health import wait_for_release
from buildbot_cd.worker.fleet.own_program import run_to_end
from buildbot_cd.worker.fleet.transport import Answer, HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Request, Target


class CommandTransport:
    """Runs the request's ``commands``. They find host, release and fence in their arguments and in CD_ variables."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def call(self, target: Target, verb: str, timeout: float, **arguments: Any) -> Answer:
        """Run what the verb means here; verbs that only our own hosts know do nothing."""
        if verb in ("switch", "rollback"):
            return await self._move(target, verb, timeout, arguments)
        if verb == "health":
            return await self._health(target, arguments["release"], arguments)
        return await self._status(target)

    async def fill(self, target: Target, what: Mapping[str, Any], payload: Payload) -> Answer:
        """Run ``stage`` in the folder of the release."""
        seconds = self._request.timeouts["copy"]
        await self._run(target, "stage", str(what["release"]), seconds, folder=payload.folder)
        return {"complete": False}

    async def close(self) -> None:
        """Nothing is kept."""

    async def _status(self, target: Target) -> Answer:
        said = await self._run(target, "status", "", self._request.timeouts["verb"])
        lines = said.strip().splitlines()
        return {"release": lines[-1].strip() if lines else None}

    async def _move(self, target: Target, verb: str, timeout: float, arguments: dict[str, Any]) -> Answer:
        release = str(arguments["release"])
        before = await self._status(target)
        if before["release"] != release:
            if "expect" in arguments and arguments["expect"] != before["release"]:
                problem = f"expected {arguments['expect']} to be current, found {before['release']}"
                raise HostError("refused", problem, before)
            name = verb if verb in self._request.commands else "switch"
            await self._run(target, name, release, timeout + self._request.timeouts["restart"])
        after = await self._status(target)
        if after["release"] != release:
            raise HostError("failed", f"{verb} ended well, but status says {after['release']}, not {release}", after)
        return await self._health(target, release, arguments.get("health") or {}, after)

    async def _health(
        self, target: Target, release: str | None, health: Mapping[str, Any], seen: Answer | None = None
    ) -> Answer:
        seen = seen or await self._status(target)
        current = seen["release"]
        if current is None or current != (release or current):
            raise HostError("unhealthy", f"{current or 'no release'} is current, not {release or 'any'}", seen)
        if health.get("url"):
            wait = (health["url"], health.get("header"), current, float(health.get("wait", 10.0)))
            problem = await asyncio.to_thread(wait_for_release, *wait)
            if problem:
                raise HostError("unhealthy", problem, seen)
        return seen

    async def _run(self, target: Target, name: str, release: str, timeout: float, folder: Path | None = None) -> str:
        """Run one of the commands; what it printed.

        :raises HostError: failed, with its last words, or unreachable if it takes too long.
        """
        argv = [self._request.fill(target, word, release) for word in self._request.commands[name]]
        told = {"CD_HOST": target.name, "CD_ADDRESS": target.address, "CD_ROLE": target.host.role}
        told |= {"CD_RELEASE": release, "CD_FENCE": str(self._request.fence)}
        try:
            ended = await run_to_end(argv, timeout, folder, {**os.environ, **told})
        except TimeoutError:  # an OSError, too
            raise HostError("unreachable", f"{name} {argv[0]} took longer than {timeout:g} s") from None
        except OSError as error:
            raise HostError("failed", f"{name} {argv[0]} could not be started: {error}") from None
        if ended.code != 0:
            raise HostError("failed", f"{name} {argv[0]} ended with {ended.code}: {ended.last_words}")
        return ended.said
