# SPDX-License-Identifier: GPL-2.0-only
"""Two masters with one configuration on PostgreSQL and a Crossbar router; either may be killed at any time."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.store.upgrade import upgrade
from buildbot_cd.testing import crossbar
from buildbot_cd.testing.postgres import new_database
from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.postgres, pytest.mark.timeout(600)]

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


OLD = """
INSERT INTO cd_gate VALUES ('old', 'open', '', '', NULL, 'aa', 'aa', 'aa', 3, 5, 0, NULL);
INSERT INTO cd_landing VALUES
    (3, 'old', 'aa', 'bb', 'ada', 'One', 'One', 'live', 5, 4, 0, 1, 0, NULL, NULL, '[]', NULL, '', NULL, '', 7)
"""
"""Rows of a gate and of a landing as revision 0003 has them."""


def of_revision_3(url: str) -> str:
    """The database with our tables as an older version made them, and rows in them."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        upgrade(connection, "0003")
    with engine.begin() as connection:
        for statement in OLD.split(";"):
            connection.exec_driver_sql(statement)
    return url


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
    yard = make_yard(db_url=of_revision_3(new_database(postgres)))
    with crossbar.crossbar_router(tmp_path / "crossbar") as router:
        made = Pair(yard, router)
        try:
            yield made
        finally:
            made.end()


def test_killing_either_master_leaves_the_other_to_carry_on(pair: Pair) -> None:
    """Killed in the middle of a test run and of a rollout, each time the other brings the landing to its end, once."""
    yard = pair.yard
    pair.start()
    assert yard.rows("SELECT version_num FROM cd_alembic_version") == [(newest(),)]
    assert yard.rows("SELECT head, emergency, relands FROM cd_landing") == [("bb", "", None)]
    assert sorted(yard.rows("SELECT name FROM cd_gate")) == [("old",), ("trunk",)]
    yard.until(lambda: yard.rows("SELECT 1 FROM cd_gate WHERE name = 'trunk' AND tested IS NOT NULL"), "the first look")

    yard.close("test_number[3]")
    yard.push("ada", "one")
    yard.reached("test_number[3]")
    killed = pair.at_work("cd-test")
    began = time.monotonic()
    pair.kill(killed)
    yard.open("test_number[3]")
    first = yard.comes_to("live", 4, CARRY_ON)
    assert time.monotonic() - began < CARRY_ON
    assert yard.releases() == {f"r4-{first['head'][:12]}"}

    killed.start_master()
    pair.until_connected()
    for name in yard.host_names:
        yard.close(f"restart-{name}")
    yard.push("grace", "two")
    yard.until(lambda: yard.landing(5)["state"] == "deploying", "the second landing to be deployed")
    began = time.monotonic()
    pair.kill(pair.at_work("cd-deploy"))
    for name in yard.host_names:
        yard.open(f"restart-{name}")
    second = yard.comes_to("live", 5, CARRY_ON)
    assert time.monotonic() - began < CARRY_ON
    assert yard.releases() == {f"r5-{second['head'][:12]}"}
    assert yard.rows("SELECT count(*) FROM cd_rollout") == [(2,)]
    assert yard.commits() == ["A change", "A change", "The first"]
    assert yard.rows("SELECT key FROM cd_intent WHERE kind = 'revert'") == []


def newest() -> str:
    """The newest revision of our tables."""
    versions = Path(inspect.getfile(upgrade)).parent / "migrations" / "versions"
    return max(path.name for path in versions.glob("0*.py"))[:4]
