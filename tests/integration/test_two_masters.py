# SPDX-License-Identifier: GPL-2.0-only
"""Two masters with one configuration on PostgreSQL and a Crossbar router; either may be killed at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.testing import crossbar
from buildbot_cd.testing.postgres import new_database
from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.postgres, pytest.mark.timeout(600)]

CARRY_ON = 30.0


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
        """Both masters at once, on a database that has no table of ours yet, then the workers."""
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
            number = self.number(site)
            self.yard.until(lambda site=site, n=number: connected(site, n) >= wanted, "the workers to connect")

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

    def kill(self, site: Site) -> float:
        """End a master as a power cut does, and wait until the other has taken over; the seconds that took."""
        number, began = self.number(site), time.monotonic()
        site.kill("master")
        self.yard.until(lambda: (number, 0) in self.yard.rows("SELECT id, active FROM masters"), "a take-over")
        return time.monotonic() - began


def connected(site: Site, number: int) -> set[str]:
    """The workers that are connected to this master."""
    try:
        workers = site.get("workers")["workers"]
    except OSError:
        return set()
    return {one["name"] for one in workers if number in [there["masterid"] for there in one["connected_to"]]}


@pytest.fixture
def pair(make_yard: Callable[..., Yard], postgres: str, tmp_path: Path) -> Iterator[Pair]:
    """Both masters, prepared and not started."""
    if crossbar.missing():
        pytest.skip(crossbar.missing())
    yard = make_yard(db_url=new_database(postgres))
    with crossbar.crossbar_router(tmp_path / "crossbar") as router:
        made = Pair(yard, router)
        try:
            yield made
        finally:
            made.second.stop()
            yard.site.stop()


def test_killing_either_master_leaves_the_other_to_carry_on(pair: Pair) -> None:
    """Killed in the middle of a test run and of a rollout, each time the other brings the landing to its end, once."""
    yard = pair.yard
    pair.start()
    assert len(yard.rows("SELECT version_num FROM cd_alembic_version")) == 1
    assert len(yard.rows("SELECT name FROM cd_gate")) == 1
    yard.until(lambda: yard.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")

    yard.close("test_number[3]")
    yard.push("ada", "one")
    yard.reached("test_number[3]")
    killed = pair.at_work("cd-test")
    took = pair.kill(killed)
    yard.open("test_number[3]")
    first = yard.comes_to("live", 1)
    assert took < CARRY_ON
    assert yard.releases() == {f"r1-{first['head'][:12]}"}

    killed.start_master()
    pair.until_connected()
    for name in yard.host_names:
        yard.close(f"restart-{name}")
    yard.push("grace", "two")
    yard.until(lambda: yard.landing(2)["state"] == "deploying", "the second landing to be deployed")
    pair.kill(pair.at_work("cd-deploy"))
    for name in yard.host_names:
        yard.open(f"restart-{name}")
    second = yard.comes_to("live", 2)
    assert yard.releases() == {f"r2-{second['head'][:12]}"}
    assert yard.rows("SELECT count(*) FROM cd_rollout") == [(2,)]
    assert yard.commits() == ["A change", "A change", "The first"]
