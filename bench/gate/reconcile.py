# SPDX-License-Identifier: GPL-2.0-only
"""What one look of the reconciler costs, with much or little history behind it and 200 landings that wait."""

from __future__ import annotations

import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bench.report import Report, Target
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.engine.apply import step
from buildbot_cd.store import upgrade
from buildbot_cd.store.sql import SqlStore
from buildbot_cd.testing.postgres import PostgresMissing, new_database, private_postgres

if TYPE_CHECKING:
    from collections.abc import Sequence

FINISHED = {True: (10, 1_000), False: (10, 1_000, 100_000)}
QUEUED = 200
LOOKS = 30
MOST = 1.5
"""How much slower a look may be with all that history: what is measured also varies by itself."""

STATES = ("queued", "testing", "passed", "deploying", "live")
KINDS = ("checks", "stage", "rollout", "notify", "mark")

# `n` counts the landings; both databases speak this.
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {upto})"
LANDINGS = """
INSERT INTO cd_landing (id, gate, base, head, engineer, subject, message, state, since, queued_at, priority, attempt,
    infra_attempts, failing, revert_kind, reason, version, candidate)
{count} SELECT i, 'trunk', 'b' || i, 'h' || i, 'e' || (i % 50), 'Change ' || i, 'A change', CASE
    WHEN i > {finished} + 1 THEN 'queued' WHEN i > {finished} THEN 'testing' WHEN i % 20 = 0 THEN 'reverted'
    ELSE 'live' END, i, i, 0, 1, 0, '[]', CASE WHEN i <= {finished} AND i % 20 = 0 THEN 'test' ELSE '' END, '', 1,
    'h' || i FROM n
"""
TRANSITIONS = """
INSERT INTO cd_transition (landing, seq, before, after, at, actor, reason)
{count} SELECT i, {seq}, {before}, '{after}', i + {seq}, 'gate', 'as it goes' FROM n
"""
INTENTS = """
INSERT INTO cd_intent (id, key, gate, landing, kind, payload, epoch, created_at, state, started_at, ref, result,
    ended_at)
{count} SELECT 10 * i + {at}, 'trunk/' || i || '/{kind}/1.0', 'trunk', {landing}, '{kind}', '{{}}', 0, i, 'done', i,
    '1', '{{"verdict": "passed"}}', i FROM n
"""
REST = (
    (
        "INSERT INTO cd_gate (name, mode, mode_reason, mode_by, trunk, tested, live, epoch, version)"
        " VALUES ('trunk', 'open', '', '', 'h1', 'h1', 'h1', 0, 1)"
    ),
    "INSERT INTO cd_slot (gate, slot, landing, at) VALUES ('trunk', 'test', {testing}, 1)",
    (
        "INSERT INTO cd_intent (id, key, gate, landing, kind, payload, epoch, created_at, state)"
        " VALUES (9, 'trunk/{testing}/checks/1.0', 'trunk', {testing}, 'checks', '{{}}', 0, 1, 'started')"
    ),
)


def fill(engine: sa.Engine, finished: int) -> None:
    """The gate's tables as they are after so many landings, with one in test and `QUEUED` behind it."""
    with engine.connect() as connection:
        upgrade(connection)
    with engine.begin() as connection:
        every = COUNT.format(upto=finished + 1 + QUEUED)
        done = COUNT.format(upto=finished)
        connection.execute(sa.text(LANDINGS.format(count=every, finished=finished)))
        for seq, after in enumerate(STATES, 1):
            before = "NULL" if seq == 1 else f"'{STATES[seq - 2]}'"
            connection.execute(sa.text(TRANSITIONS.format(count=done, seq=seq, before=before, after=after)))
        for at, kind in enumerate(KINDS):
            landing = "NULL" if kind == "mark" else "i"
            connection.exec_driver_sql(INTENTS.format(count=done, at=at, kind=kind, landing=landing))
        for statement in REST:
            connection.exec_driver_sql(statement.format(testing=finished + 1))
    # PostgreSQL does so by itself after a minute, SQLite when somebody asks for it: the planners then know the sizes.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def looks(engines: Sequence[sa.Engine]) -> list[float]:
    """Seconds of one look in each database, in the median: the decision, and the list of unfinished effects.

    They take turns, so that a slow moment of the machine falls on all of them.
    """
    took: list[list[float]] = [[] for _ in engines]
    for _ in range(LOOKS):
        for engine, own in zip(engines, took, strict=True):
            own.append(_look(engine))
    return [median(own[3:]) for own in took]


def _look(engine: sa.Engine) -> float:
    store = SqlStore.on_engine(engine)
    began = time.perf_counter()
    moved = store.transact_now(step("trunk", Policy(), 2.0))
    store.transact_now(lambda tx: tx.outbox.unfinished("trunk"))
    took = time.perf_counter() - began
    assert moved is None, f"the gate should have to wait, but: {moved}"
    return took


def add(report: Report, *, quick: bool) -> list[list[object]]:
    """Measure on SQLite, and on PostgreSQL where there is one; gives the rows of a table and writes the report."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="cd-bench-") as folder:
        urls = [f"sqlite:///{folder}/{number}.sqlite" for number in range(len(FINISHED[quick]))]
        _measure(report, "SQLite", urls, FINISHED[quick], rows)
    try:
        with private_postgres() as url:
            _measure(report, "PostgreSQL", [new_database(url) for _ in FINISHED[quick]], FINISHED[quick], rows)
    except PostgresMissing as missing:
        print(f"no PostgreSQL: {missing}")
    return rows


def _measure(report: Report, name: str, urls: list[str], counts: tuple[int, ...], rows: list[list[object]]) -> None:
    engines = [sa.create_engine(url, poolclass=sa.StaticPool if "sqlite" in url else None) for url in urls]
    for engine, finished in zip(engines, counts, strict=True):
        fill(engine, finished)
    seconds = {str(finished): took for finished, took in zip(counts, looks(engines), strict=True)}
    rows += [[name, finished, QUEUED, round(1000 * seconds[str(finished)], 2)] for finished in counts]
    for engine in engines:
        engine.dispose()
    report.ours[f"reconcile, {name}, finished landings -> seconds"] = {
        key: round(value, 5) for key, value in seconds.items()
    }
    ratio = seconds[str(counts[-1])] / seconds[str(counts[0])]
    report.targets.append(Target(f"reconcile on {name}, {counts[-1]} finished over {counts[0]}", ratio, most=MOST))


HEAD = ["one look on", "finished", "queued", "ms"]
