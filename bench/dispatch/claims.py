# SPDX-License-Identifier: GPL-2.0-only
"""What the master pays for a run: 45 shards ask at the same moment, again and again, until 15,000 tests are done."""

from __future__ import annotations

import math
import random
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from twisted.internet import defer, task, threads

from bench.report import Options, Report, Target, table
from buildbot_cd.core.dispatch import Estimate, Work, order
from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.store import EngineStore, upgrade
from buildbot_cd.store.rows import PlannedTest, TestResult
from buildbot_cd.testing.postgres import PostgresMissing, private_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS, SHARDS = 15_000, 45
RUN_SECONDS = 690.0
"""How long such a run takes (8.5 h on 45 workers): the master's share of CPU is reckoned on this."""


class Threaded:
    """A store whose transactions run in threads, as in a master."""

    def __init__(self, engine: sa.Engine) -> None:
        self._store = EngineStore(engine)

    async def transact(self, fn: Callable[[Any], Any]) -> Any:
        """One transaction."""
        return await threads.deferToThread(self._store.transact_now, fn)

    async def read(self, fn: Callable[[Any], Any]) -> Any:
        """One look."""
        return await threads.deferToThread(self._store.read_now, fn)


@contextmanager
def databases(kind: str) -> Iterator[sa.Engine]:
    """An engine on a database with our tables."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            engine = sa.create_engine(f"sqlite:///{folder}/state.sqlite", poolclass=sa.NullPool)
            with engine.connect() as conn:
                conn.exec_driver_sql("PRAGMA journal_mode=wal")
            yield _upgraded(engine)
            return
        with private_postgres() as url:
            yield _upgraded(sa.create_engine(url, pool_size=10))


def _upgraded(engine: sa.Engine) -> sa.Engine:
    with engine.connect() as conn:
        upgrade(conn)
    return engine


def planned(tests: int, seed: int) -> list[PlannedTest]:
    """A suite in its order; every tenth test requires the one before it."""
    rng = random.Random(seed)
    works = [Work(_nid(n), f"t/f{n // 8}.py", (_nid(n - 1),) if n % 10 == 9 else ()) for n in range(tests)]
    known = {work.nid: Estimate(math.log(1000 * rng.lognormvariate(0, 1.3)), 0.09, 9) for work in works}
    needs = {work.nid: work.requires for work in works}
    return [PlannedTest(one.nid, one.seconds, one.rank, needs[one.nid]) for one in order(works, known)]


def _nid(number: int) -> str:
    return f"pytest:t/f{number // 8}.py::t{number}"


async def played(engine: sa.Engine, tests: int, seed: int) -> dict[str, float]:
    """The run, and what its claims took."""
    store = Threaded(engine)
    runs = TestRuns(store, "bench", lambda: SHARDS, time.time, lambda _run: None)
    run = (await runs.create(f"bench/{seed}", "gate", "abc")).id
    await store.transact(lambda tx: tx.runs.plan(run, planned(tests, seed), {}, None, time.time()))
    claims: list[float] = []
    reports: list[float] = []
    chunks = 0

    async def ask(name: str) -> int:
        begun = time.perf_counter()
        chunk = await runs.claim(run, name)
        claims.append(time.perf_counter() - begun)
        held[name] = [TestResult(one.nid, "passed", one.estimate) for one in chunk]
        return len(chunk)

    async def report(name: str) -> None:
        if held[name]:
            begun = time.perf_counter()
            await runs.report(run, name, held[name])
            reports.append(time.perf_counter() - begun)

    held: dict[str, list[TestResult]] = {}
    names = [f"w{number}" for number in range(SHARDS)]
    cpu = time.process_time()
    while sum(await defer.gatherResults([defer.ensureDeferred(ask(name)) for name in names])):
        chunks += sum(bool(one) for one in held.values())
        for name in names:  # results come spread over time, not all at once
            await report(name)
    cpu = time.process_time() - cpu
    counts = await runs.counts(run)
    if counts.done != tests:
        raise RuntimeError(f"{tests - counts.done} tests had no turn")
    return {
        "claim p50 ms": 1000 * _quantile(claims, 0.5),
        "claim p99 ms": 1000 * _quantile(claims, 0.99),
        "report p99 ms": 1000 * _quantile(reports, 0.99),
        "chunks": chunks,
        "master CPU s": cpu,
        "share of one core": cpu / RUN_SECONDS,
    }


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def run(options: Options) -> Report:
    """Both databases."""
    report = Report("claims", options.seed)
    tests = 3000 if options.quick else TESTS
    rows: list[list[object]] = []

    async def all_of_it(_reactor: object) -> None:
        for kind in ("sqlite", "postgresql"):
            try:
                with databases(kind) as engine:
                    figures = await played(engine, tests, options.seed)
                    engine.dispose()
            except PostgresMissing as missing:
                print(f"{kind}: {missing}")
                continue
            report.ours[kind] = {name: round(value, 4) for name, value in figures.items()}
            rows.append([kind, *(round(value, 4) for value in figures.values())])

    try:
        task.react(all_of_it)
    except SystemExit as done:
        if done.code:
            raise
    print(f"{tests} tests, {SHARDS} shards that ask at once:\n")
    table(["database", *next(iter(report.ours.values()))], rows)
    print()
    if "postgresql" in report.ours:
        p99 = report.ours["postgresql"]["claim p99 ms"]
        report.targets.append(Target("claim with 45 shards asking at once, p99 in ms, PostgreSQL", p99, most=200))
    return report
