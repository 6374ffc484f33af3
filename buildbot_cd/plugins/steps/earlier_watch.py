# SPDX-License-Identifier: GPL-2.0-only
"""What a watch had seen before it was interrupted, from its log: a new build of the same request goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.engine.views.samples import objects_in

if TYPE_CHECKING:
    from buildbot.process.build import Build

SAMPLES = "samples"
"""The log that a watch writes look by look: its opening, then an interval each."""


async def earlier_record(build: Build, step: str) -> list[dict[str, Any]]:
    """The record that the step of this name left in the request's newest earlier build; empty if it left none.

    A look that was not written to its end is not in it.
    """
    assert build.master is not None
    data: Any = build.master.data
    builds = [one for request in build.requests for one in await data.get(("buildrequests", str(request.id), "builds"))]
    for one in sorted(builds, key=lambda told: -int(told["buildid"])):
        if one["buildid"] != build.buildid:
            found = await _record(data, int(one["buildid"]), step)
            if found:
                return found
    return []


async def _record(data: Any, build: int, step: str) -> list[dict[str, Any]]:
    for one in await data.get(("builds", str(build), "steps")):
        logs = await data.get(("steps", str(one["stepid"]), "logs")) if one["name"] == step else ()
        for log in logs:
            if log["slug"] == SAMPLES:
                content = await data.get(("logs", str(log["logid"]), "contents"))
                return list(objects_in(str(content["content"]).splitlines()))
    return []
