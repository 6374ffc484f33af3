# SPDX-License-Identifier: GPL-2.0-only
"""Two masters with one configuration on one PostgreSQL, joined by a Crossbar router; either may be killed."""

from __future__ import annotations

from functools import partial

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.testing.yard import Yard

CARRY_ON = 30.0
"""Seconds from the kill of a master to the end of what it had begun."""


class Pair:
    """Two masters that share database, router and workers."""

    def __init__(self, yard: Yard, router: str) -> None:
        self.yard, self.second = yard, Site(yard.directory / "second", workers=(), db_url=yard.db_url)
        for site in self.masters:
            site.environment["CD_WAMP_URL"] = router
            site.environment["CD_WORKERS"] = " ".join(yard.site.workers)
            site.prepare(yard.config(), {})
        first, second = (site.master / "workers.password" for site in self.masters)
        second.write_text(first.read_text())
        yard.site.environment["CD_MASTERS"] = " ".join(f"127.0.0.1:{site.pb}" for site in self.masters)

    @property
    def masters(self) -> tuple[Site, Site]:
        """Both."""
        return self.yard.site, self.second

    def start(self) -> None:
        """Both masters at once, on tables of an older version of ours, then the workers."""
        for site in self.masters:
            site.begin_master()
        for site in self.masters:
            site.wait_for_master()
        for name in self.yard.site.workers:
            self.yard.site.start_worker(name)
        self.until_connected()

    def until_connected(self) -> None:
        """Wait until every worker is connected to both."""
        wanted = set(self.yard.site.workers)
        for site in self.masters:
            all_here = partial(self._has, site, self.number(site), wanted)
            self.yard.until(all_here, "the workers to connect")

    def _has(self, site: Site, number: int, wanted: set[str]) -> bool:
        return connected(site, number) >= wanted

    def number(self, site: Site) -> int:
        """The master's number in the database."""
        rows = self.yard.rows("SELECT id, name FROM masters")
        return next(int(number) for number, name in rows if str(name).endswith(str(site.master)))

    def at_work(self, builder: str) -> Site:
        """The master that has an unfinished build of this builder."""

        def found() -> Site | None:
            rows = self.yard.rows(
                "SELECT builders.name, masterid, complete_at FROM builds JOIN builders ON builderid = builders.id"
            )
            busy = {number for name, number, ended in rows if name == builder and ended is None}
            return next((site for site in self.masters if self.number(site) in busy), None)

        site: Site = self.yard.until(found, f"a build of {builder}")
        return site

    def kill(self, site: Site) -> None:
        """End a master as a power cut does, and wait until the other has taken over."""
        number = self.number(site)
        site.kill("master")
        taken = "SELECT id, active FROM masters"
        self.yard.until(lambda: (number, 0) in self.yard.rows(taken), "a take-over", CARRY_ON)

    def end(self) -> None:
        """End everything as a power cut does: in order it takes its time, and the machine is given back anyway."""
        for site in self.masters:
            for name in list(site.processes):
                site.kill(name)


def connected(site: Site, number: int) -> set[str]:
    """The workers that are connected to this master."""
    try:
        workers = site.get("workers")["workers"]
    except OSError:
        return set()
    return {one["name"] for one in workers if number in [there["masterid"] for there in one["connected_to"]]}
