# SPDX-License-Identifier: GPL-2.0-only
"""Sleep suites in real processes: our shards, each with a pytest that stays, against ``pytest -n`` and pytest-split.

Sleeping tests need no processor, so a small machine can host some shards; their starts do, so a busy machine measures
itself. From the call of the first process to the end of the last one, starts and collection included, for everybody.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from twisted.internet import defer

import buildbot_cd.worker.tests
from bench.dispatch.suites import NOISE, SPREAD
from bench.report import Options, Report, Target, table
from buildbot_cd.core.dispatch import Estimate, Work, order
from buildbot_cd.core.wire import Joiner, spread
from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.plugins.steps.run_tests import AHEAD
from buildbot_cd.store import EngineStore, upgrade
from buildbot_cd.store.rows import PlannedTest, TestResult

if TYPE_CHECKING:
    from collections.abc import Awaitable

TESTS, FILES = 160, 16
BEHIND = 1.01
"""So much longer than the best peer may ours take."""
PROGRAMS = Path(buildbot_cd.worker.tests.__file__).parent
PLAIN = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]


class Suite:
    """A project of sleeping tests in a folder."""

    def __init__(self, top: Path, seconds: float, seed: int) -> None:
        rng = random.Random(seed)
        drawn = [rng.lognormvariate(0, SPREAD) for _ in range(TESTS)]
        self.top = top
        self.took: dict[str, float] = {}
        for number, one in enumerate(drawn):
            file = f"test_f{number % FILES}.py"
            self.took[f"pytest:{file}::test_{number}"] = took = one * seconds / sum(drawn)
            with (top / file).open("a") as out:
                out.write(f"import time\ndef test_{number}(): time.sleep({took:.4f})\n")
        self.believed = {nid: one * rng.lognormvariate(0, NOISE) for nid, one in self.took.items()}
        known = {nid.removeprefix("pytest:"): one for nid, one in self.believed.items()}
        (top / ".test_durations").write_text(json.dumps(known))


def run(options: Options) -> Report:
    """4, 6 and 8 shards, three times each; quick: 4 shards, once."""
    report = Report("real", options.seed)
    rounds, rows = (1 if options.quick else 3), []
    for shards, seconds in ((4, 30.0),) if options.quick else ((4, 80.0), (6, 120.0), (8, 160.0)):
        found: dict[str, list[float]] = {}
        for number in range(rounds):
            for name, took in _measured(shards, seconds, report.seed + number).items():
                found.setdefault(name, []).append(took)
        figures = {name: round(median(each), 2) for name, each in found.items()}
        bound = seconds / shards
        best = min(one for name, one in figures.items() if name != "ours")
        report.targets.append(Target(f"{shards} shards: ours / best peer", figures["ours"] / best, most=BEHIND))
        report.ours[f"real, {shards} shards"] = {"seconds": figures["ours"]}
        report.peers[f"real, {shards} shards"] = {name: one for name, one in figures.items() if name != "ours"}
        report.bound[f"real, {shards} shards"] = {"seconds": bound, "note": "sleep / shards, without any start"}
        rows.append([f"{shards} shards, {seconds:g} s of sleep", bound, *figures.values()])
        heads = ["real processes, seconds", "bound", *figures]
    print(f"load average {os.getloadavg()[0]:.1f}, median of {rounds}")
    table(heads, rows)
    print()
    return report


def _measured(shards: int, seconds: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "build"
        top.mkdir()
        suite = Suite(top, seconds, seed)
        found = {"ours": ours(suite, shards)}
        for mode in ("load", "worksteal", "loadscope"):
            found[f"xdist {mode}"] = _timed(top, [[*PLAIN, "-n", str(shards), "--dist", mode]])
        for algorithm in ("least_duration", "duration_based_chunks"):
            common = [*PLAIN, "--splits", str(shards), "--splitting-algorithm", algorithm]
            groups = [[*common, "--group", str(number + 1)] for number in range(shards)]
            found[f"pytest-split {algorithm}"] = _timed(top, groups)
        return found


def _timed(top: Path, calls: list[list[str]]) -> float:
    begun = time.monotonic()
    running = [
        subprocess.Popen([sys.executable, "-m", "pytest", *words], cwd=top, stdout=subprocess.DEVNULL)
        for words in calls
    ]
    if any(one.wait() for one in running):
        raise RuntimeError(f"a peer failed: pytest {' '.join(calls[0])}")
    return time.monotonic() - begun


def ours(suite: Suite, shards: int) -> float:
    """The production queue on SQLite, and the programs that workers are sent, called as steps call them."""
    engine = sa.create_engine(f"sqlite:///{suite.top.parent}/state.sqlite", poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)
    runs = TestRuns(EngineStore(engine), "bench", lambda: shards, time.time, lambda _run: None)
    works = [Work(nid, nid[7:].partition("::")[0]) for nid in suite.took]
    known = {nid: Estimate(math.log(1000 * one), NOISE**2, 5) for nid, one in suite.believed.items()}
    begun = time.monotonic()
    run = now(runs.create("bench", "gate", "abc")).id
    planned = [PlannedTest(one.nid, one.seconds, one.rank) for one in order(works, known)]
    now(runs.store.transact(lambda tx: tx.runs.plan(run, planned, {}, None, time.time())))
    lock = threading.Lock()  # a master has one thread for this
    threads = [threading.Thread(target=_shard, args=(runs, run, suite.top, f"w{n}", lock)) for n in range(shards)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    took = time.monotonic() - begun
    counts = now(runs.counts(run))
    if counts.done != len(works) or counts.failed:
        raise RuntimeError(f"our own run went wrong: {counts}")
    return took


def now(work: Awaitable[Any]) -> Any:
    """What the work gives; on a store that does not wait, it does not wait either."""
    found: list[Any] = []
    defer.ensureDeferred(work).addBoth(found.append)  # type: ignore[arg-type]
    return found[0]


def _shard(runs: TestRuns, run: int, top: Path, name: str, lock: threading.Lock) -> None:
    warm = [sys.executable, str(PROGRAMS / "pytest_warm.py")]
    client = [sys.executable, "-S", str(PROGRAMS / "pytest_client.py")]
    socket = f"../{name}.sock"
    program = ["start", "--socket", socket, "--", *PLAIN]
    subprocess.run([*warm, *program], cwd=top, stdout=subprocess.DEVNULL, check=True)
    goes_on = False
    while True:
        with lock:
            chunk = now(runs.claim(run, name))
        if not chunk and not goes_on:
            break
        tests = [{"nid": one.nid, "seconds": one.estimate} for one in chunk]
        ahead = AHEAD if chunk and not runs.all_taken(run) else 0.0
        asked = json.dumps({"tests": tests, "ahead": ahead})
        done = subprocess.run([*client, socket], cwd=top, input=asked, capture_output=True, text=True, check=True)
        joiner = Joiner()
        lines = [one for one in map(joiner.feed, done.stdout.splitlines()) if one is not None]
        events = [one for line in lines for one in spread(line)]
        goes_on = events[-1]["event"] == "more"
        results = [TestResult(e["nid"], e["outcome"], e["seconds"]) for e in events if e["event"] == "result"]
        with lock:
            now(runs.report(run, name, results))
    subprocess.run([*warm, "stop", "--socket", socket], cwd=top, check=True)
