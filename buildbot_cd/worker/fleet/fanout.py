# SPDX-License-Identifier: GPL-2.0-only
"""One verb on all hosts: so many at a time, progress every second, a stop when too many are lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from buildbot_cd.worker.fleet.events import Events
from buildbot_cd.worker.fleet.local import LocalTransport
from buildbot_cd.worker.fleet.verbs import HostRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.worker.fleet.events import Out
    from buildbot_cd.worker.fleet.request import Request
    from buildbot_cd.worker.fleet.transport import Transport

PROGRESS_SECONDS = 1.0


def open_transport(request: Request) -> Transport:
    """The transport that the request names. What only one of them needs is imported for that one: a switch is short."""
    if request.transport == "local":
        return LocalTransport(request.parallel)
    if request.transport == "command":
        from buildbot_cd.worker.fleet.command import CommandTransport

        return CommandTransport(request)
    from buildbot_cd.worker.fleet.sessions import Sessions
    from buildbot_cd.worker.fleet.ssh import SshTransport

    return SshTransport(Sessions(request.ssh), request.timeouts, request.copy)


async def fan_out(request: Request, out: Out, opened: Callable[[Request], Transport] = open_transport) -> int:
    """Do the request and report on ``out``; the exit code, 0 if it worked on all hosts and 1 if not.

    :raises FleetError: nothing was begun, because the payload or the transport cannot be used.
    """
    payload = None
    if request.verb == "stage" and request.payload and not request.dry:
        from buildbot_cd.worker.fleet.archive import keep_release
        from buildbot_cd.worker.fleet.payload import Payload

        payload = await asyncio.to_thread(Payload, request.payload)  # reads all of it; other work goes on
        if request.archive and request.release:
            keeping = (payload.folder, request.archive, request.release, request.keep)
            await asyncio.to_thread(keep_release, *keeping)
    transport = opened(request)
    events = Events(out, len(request.targets))
    ticker = asyncio.create_task(_tick(events))
    try:
        await _all_hosts(request, HostRun(request, transport, events, payload), events)
    finally:
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker
        await transport.close()
        if payload is not None:
            payload.close()
    events.progress()
    return events.end()


async def _all_hosts(request: Request, run: HostRun, events: Events) -> None:
    waiting = iter(request.targets)

    async def one_after_the_other() -> None:
        for target in waiting:  # shared by all lanes: each takes the next host
            if request.budget is not None and events.bad() > request.budget:
                error = f"not begun: {events.bad()} hosts failed, more than the budget of {request.budget}"
                events.host(target.name, "skipped", 0.0, error=error)
            else:
                await run.run(target)
            events.done += 1

    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(request.parallel, len(request.targets))):
            lanes.create_task(one_after_the_other())


async def _tick(events: Events) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        events.progress()
