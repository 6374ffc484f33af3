# SPDX-License-Identifier: GPL-2.0-only
"""``cd/rollouts/<id>/samples``: what the judge saw, from the engine while it watches and from the watch's log later."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types
from buildbot.data.resultspec import Filter
from twisted.internet import threads

from buildbot_cd.engine.views.samples import samples_in_record
from buildbot_cd.plugins.data.base import CdEndpoint
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from buildbot.master import BuildMaster

    from buildbot_cd.store.interface import Tx

WATCH = "watch "
"""How the names of the steps that watch begin; the stage's name follows."""

KEPT = 16
"""Logs whose looks are kept, so that many open pages do not have them computed again and again."""


class SamplesEndpoint(CdEndpoint):
    """The looks of all watches of a rollout."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/rollouts/n:id/samples"]

    def __init__(self, rtype: Any, master: BuildMaster) -> None:
        super().__init__(rtype, master)
        self._replayed: dict[int, list[dict[str, Any]]] = {}

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        engine, ident = self.engine, kwargs["id"]

        def find(tx: Tx) -> tuple[bool, str | None]:
            rollout = tx.rollouts.get(ident)
            intent = tx.outbox.get(rollout.key) if rollout is not None else None
            return rollout is not None, intent.ref if intent is not None else None

        known, buildset = await engine.store.read(find)
        if not known:
            return None
        stages = {stage: await self._replay(stage, log) async for stage, log in _logs(self.master, buildset)}
        # A watch that was interrupted and goes on has a log of what it had seen, and hears more.
        told = {stage: looks[-1]["at"] for stage, looks in stages.items() if looks}
        heard = [one for one in engine.events.looks(ident) if one["at"] > told.get(one["stage"], 0.0)]
        return [one for looks in stages.values() for one in looks] + heard

    async def _replay(self, stage: str, log: dict[str, Any]) -> list[dict[str, Any]]:
        ident = int(log["logid"])
        if ident not in self._replayed:
            data: Any = self.master.data
            content = await data.get(("logs", str(ident), "contents"))
            lines = str(content["content"]).splitlines()
            looks = await threads.deferToThread(samples_in_record, stage, lines)
            while len(self._replayed) >= KEPT:
                del self._replayed[next(iter(self._replayed))]
            self._replayed[ident] = looks
        return self._replayed[ident]


async def _logs(master: BuildMaster, buildset: str | None) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Stage and complete log ``samples`` of each watch that the buildset's builds did, oldest first."""
    data: Any = master.data
    if buildset is None or not buildset.isdecimal():
        return
    asked = [Filter("buildsetid", "eq", [int(buildset)])]
    for request in await data.get(("buildrequests",), filters=asked):
        for build in await data.get(("buildrequests", str(request["buildrequestid"]), "builds")):
            for step in await data.get(("builds", str(build["buildid"]), "steps")):
                if not step["name"].startswith(WATCH):
                    continue
                for log in await data.get(("steps", str(step["stepid"]), "logs")):
                    if log["slug"] == "samples" and log["complete"]:
                        yield step["name"].removeprefix(WATCH), log


class CdSample(base.ResourceType):
    """One look of the judge."""

    name = "cd_sample"
    plural = "samples"
    endpoints = [SamplesEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        stage = types.String()
        at = Number()
        number = types.Integer()
        gap = types.String()
        kind = types.String()
        log_e = maybe(Number())
        needed = Number()
        metrics = Json()

    entityType = entity(EntityType, name)
