# SPDX-License-Identifier: GPL-2.0-only
"""Real processes, killed at random moments; afterwards the invariants hold. `make chaos` is the long one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.testing.postgres import PostgresMissing, new_database, private_postgres
from buildbot_cd.testing.storm.invariants import Aftermath
from buildbot_cd.testing.storm.weather import SEVERAL, Weather, blow
from buildbot_cd.testing.storm.yard import Storm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = int(os.environ.get("CD_CHAOS_SEED", "1"))
LANDINGS = int(os.environ.get("CD_CHAOS_LANDINGS", "2"))
KILLS = int(os.environ.get("CD_CHAOS_KILLS", "3"))

LONG = LANDINGS > SEVERAL
"""Then there are all kinds of changes, and canaries are watched."""

pytestmark = [pytest.mark.integration, pytest.mark.postgres, pytest.mark.timeout(1800 if LONG else 150)]


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    """A storm's yard on PostgreSQL, started."""
    try:
        with private_postgres() as url:
            made = Storm(tmp_path, hosts=8 if LONG else 4, db_url=new_database(url), seed=SEED, watched=LONG)
            made.found()
            try:
                made.brew()
                with made.watch, made.figures:
                    yield made
            finally:
                for name in list(made.site.processes):
                    made.site.kill(name)
    except PostgresMissing as missing:
        pytest.skip(str(missing))


def test_kills_at_random_moments_lose_nothing(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    """Master, workers, git pushes are killed, database and git server come and go: what is good goes live, once."""
    seconds = blow(storm, Weather(SEED, LANDINGS, KILLS, pause=1.0 if LANDINGS < 10 else 1.5))
    counts = Aftermath.read(storm).check()
    with capsys.disabled():
        write = sys.stdout.write
        write(f"\nstorm {SEED}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}\n")
        for name, number in sorted({**storm.done, **counts}.items()):
            write(f"  {number:5d}  {name}\n")
    assert counts["live"] + counts["reverted"] == LANDINGS
    assert sum(number for name, number in storm.done.items() if "kill" in name) >= KILLS
