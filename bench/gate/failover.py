# SPDX-License-Identifier: GPL-2.0-only
"""Two masters on one PostgreSQL: how long until the other goes on, after the one at work was killed with -9.

The master is killed while it runs a landing's tests. Nobody else has a reason to wait: what is measured is how soon the
death is noticed, and how soon the landing is live from then on, tests and rollout on six hosts included.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.report import Target
from buildbot_cd.testing import crossbar
from buildbot_cd.testing.pair import CARRY_ON, Pair
from buildbot_cd.testing.postgres import PostgresMissing, new_database, private_postgres
from buildbot_cd.testing.yard import Yard

if TYPE_CHECKING:
    from bench.report import Report

KILLS = {True: 1, False: 5}
HEAD = ["kill -9 of the master at work", "n", "median s", "worst s"]
STOPS_AT = "test_number[3]"
"""The test in which the landing stands when its master is killed."""


def add(report: Report, *, quick: bool) -> list[list[object]]:
    """Kill and measure; gives the rows of a table and writes the report. Empty where a part is missing."""
    try:
        if crossbar.missing():
            raise PostgresMissing(crossbar.missing())
        with private_postgres() as url, tempfile.TemporaryDirectory(prefix="cd-bench-") as folder:
            noticed, live = measure(Path(folder), new_database(url), KILLS[quick])
    except PostgresMissing as missing:
        print(f"no failover: {missing}")
        return []
    rows: list[list[object]] = []
    for name, times in (("until its death is noticed", noticed), ("until its landing is live", live)):
        rows.append([name, len(times), round(median(times), 2), round(max(times), 2)])
        report.ours[f"failover, {name}, s"] = {"median": round(median(times), 2), "worst": round(max(times), 2)}
    report.targets.append(Target("failover: kill of a master to its landing live, worst s", max(live), most=CARRY_ON))
    return rows


def measure(folder: Path, database: str, kills: int) -> tuple[list[float], list[float]]:
    """Seconds from each kill until the other master has noticed, and until the landing is live."""
    yard = Yard(folder / "yard", db_url=database)
    yard.found()
    with crossbar.crossbar_router(folder / "crossbar") as router:
        pair = Pair(yard, router)
        try:
            pair.start()
            yard.until(lambda: yard.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")
            took = [_kill(pair, number) for number in range(1, kills + 1)]
        finally:
            pair.end()
    return [noticed for noticed, _ in took], [live for _, live in took]


def _kill(pair: Pair, number: int) -> tuple[float, float]:
    yard = pair.yard
    (yard.barriers / f"{STOPS_AT}.reached").unlink(missing_ok=True)
    yard.close(STOPS_AT)
    yard.push("ada" if number % 2 else "grace", f"change {number}")
    yard.reached(STOPS_AT)
    killed = pair.at_work("cd-test")
    began = time.monotonic()
    pair.kill(killed)
    noticed = time.monotonic() - began
    yard.open(STOPS_AT)
    yard.comes_to("live", number)
    live = time.monotonic() - began
    killed.start_master()
    pair.until_connected()
    return noticed, live
