# SPDX-License-Identifier: GPL-2.0-only
"""Buildsets on the master: started once for each key, found again after a crash, read, cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from buildbot.process.results import SKIPPED, Results
from twisted.internet import task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot.master import BuildMaster

CONFIGURED, PAUSE = 10.0, 0.05
"""Seconds for which builders are waited for at most, and between two looks."""

SCHEDULER = "cd"
"""The name that Buildbot's pages show as what started our builds."""


OURS = "Continuous deployment"
"""What Buildbot's pages show as the source of our properties."""

UNIQUE = "Scheduler"
"""The source of a property that Buildbot's collapsing of requests compares: no other request has our key. Otherwise a
newer request for the same branch would swallow ours, and a check would be called passed that never ran."""


@dataclass(frozen=True, slots=True)
class BuildsetState:
    """A buildset as far as it got; ``results`` is Buildbot's number once complete."""

    complete: bool
    results: int | None

    @property
    def word(self) -> str:
        """The result in Buildbot's own word, or ``running``."""
        return "running" if self.results is None else str(Results[self.results])


class Builds:
    """The master's buildsets, seen from the engine."""

    def __init__(self, master: BuildMaster) -> None:
        self.master = master

    @property
    def _updates(self) -> Any:
        """Buildbot fills this object at run time, so its methods have no types."""
        return self.master.data.updates

    async def start(
        self,
        builders: Sequence[str],
        *,
        key: str,
        reason: str,
        source: Mapping[str, str | None] | None = None,
        properties: Mapping[str, Any] | None = None,
        priority: int = 0,
    ) -> int:
        """Ask for one build on each of the builders; returns the buildset's id.

        ``key`` becomes the buildset's ``external_idstring``, by which `find` knows it again.
        """
        await self._configured(builders)
        ids = [await self._updates.findBuilderId(name) for name in builders]
        wanted = {"cd_key": key, **(properties or {})}
        stamp = {"branch": None, "revision": None, "repository": "", "project": "", "codebase": "", **(source or {})}
        bsid, _ = await self._updates.addBuildset(
            waited_for=False,
            scheduler=SCHEDULER,
            sourcestamps=[stamp],
            reason=reason[:250],
            properties={name: (value, UNIQUE if name == "cd_key" else OURS) for name, value in wanted.items()},
            builderids=ids,
            external_idstring=key[:256],
            priority=priority,
        )
        return int(bsid)

    async def _configured(self, names: Sequence[str]) -> None:
        """Wait until the master has these builders, where its configuration has them: Buildbot 4.2 makes its services
        first, and cannot be asked for a build meanwhile.
        """
        master: Any = self.master
        here = {str(one.name) for one in master.config.builders}.intersection(names)
        for _ in range(int(CONFIGURED / PAUSE)):
            made = [master.botmaster.builders.get(name) for name in here]
            if all(one is not None and one.config is not None for one in made):
                return
            await task.deferLater(master.reactor, PAUSE)

    async def find(self, key: str, since: float) -> int | None:
        """The buildset with this key that was asked for at ``since`` or later, or None.

        Buildbot has no index on the key, but one on the time: what a crash can have left unrecorded is young.
        """
        table = self.master.db.model.buildsets

        def thd(conn: sa.engine.Connection) -> int | None:
            query = sa.select(table.c.id).where(
                table.c.submitted_at >= int(since) - 1, table.c.external_idstring == key[:256]
            )
            row = conn.execute(query.order_by(table.c.id)).first()
            return None if row is None else int(row[0])

        pool: Any = self.master.db.pool
        found: int | None = await pool.do(thd)
        return found

    async def state(self, bsid: int) -> BuildsetState:
        """How far the buildset is. One that is not known any more counts as complete without a result.

        Buildbot calls a buildset a success whose request was skipped, since a builder's own rule collapsed it: nothing
        was built then, and the result is SKIPPED.
        """
        found = await self.master.db.buildsets.getBuildset(bsid)
        if found is None:
            return BuildsetState(complete=True, results=None)
        if not found.complete:
            return BuildsetState(complete=False, results=None)
        requests = await self.master.db.buildrequests.getBuildRequests(bsid=bsid)
        skipped = any(request.results == SKIPPED for request in requests)
        return BuildsetState(complete=True, results=SKIPPED if skipped else found.results)

    async def built(self, bsid: int) -> str | None:
        """The revision that the buildset's last build had checked out, by its own word (``got_revision``)."""
        requests = await self.master.db.buildrequests.getBuildRequests(bsid=bsid)
        ends = [
            build.id
            for request in requests
            for build in await self.master.db.builds.getBuilds(buildrequestid=request.buildrequestid, complete=True)
        ]
        if not ends:
            return None
        found, _ = (await self.master.db.builds.getBuildProperties(max(ends))).get("got_revision", (None, ""))
        one = found.get("") if isinstance(found, dict) else found  # with several codebases: trunk's has no name
        return one if isinstance(one, str) else None

    async def begun(self, bsid: int) -> bool:
        """True if one of the buildset's requests was given to a worker."""
        found = await self.master.db.buildrequests.getBuildRequests(bsid=bsid, claimed=True)
        return bool(found)

    async def at_work(self, builder: str) -> dict[str, int]:
        """The workers that have a build of this builder on any master, each with the id of the first that it has.

        Asked by way of the unfinished requests, of which there are few: the table of builds is all of history.
        """
        model = self.master.db.model
        builds, requests, builders, workers = model.builds, model.buildrequests, model.builders, model.workers
        query = (
            sa.select(workers.c.name, sa.func.min(builds.c.id))
            .select_from(requests)
            .join(builders, (builders.c.id == requests.c.builderid) & (builders.c.name == builder))
            .join(builds, (builds.c.buildrequestid == requests.c.id) & builds.c.complete_at.is_(None))
            .join(workers, workers.c.id == builds.c.workerid)
            .where(requests.c.complete == 0)
            .group_by(workers.c.name)
        )

        def thd(conn: sa.engine.Connection) -> dict[str, int]:
            return {str(name): int(first) for name, first in conn.execute(query)}

        pool: Any = self.master.db.pool
        found: dict[str, int] = await pool.do(thd)
        return found

    async def cancel(self, bsid: int, reason: str) -> None:
        """Stop the buildset's builds, and take back its requests that no worker has begun."""
        requests = await self.master.db.buildrequests.getBuildRequests(bsid=bsid, complete=False)
        for request in requests:
            path = ("buildrequests", str(request.buildrequestid))
            await self.master.data.control("cancel", {"reason": reason}, path)
