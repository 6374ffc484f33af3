# SPDX-License-Identifier: GPL-2.0-only
"""Two masters with one configuration on PostgreSQL and a Crossbar router; either may be killed at any time."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from buildbot_cd.store.upgrade import upgrade
from buildbot_cd.testing import crossbar
from buildbot_cd.testing.pair import CARRY_ON, Pair
from buildbot_cd.testing.postgres import new_database
from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.postgres, pytest.mark.timeout(600)]

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
