# SPDX-License-Identifier: GPL-2.0-only
"""A test run's queue in SQL: its tests, their results, and what these let go on. Claims are in `run_claims`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.errors import StoreError
from buildbot_cd.store.rows import BLOCKED, HARMLESS, PlannedTest, WorkState
from buildbot_cd.store.schema import run_need
from buildbot_cd.store.schema import run_test as table
from buildbot_cd.store.text import as_key, clean, clean_or_none, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.store.rows import TestResult

_UNDONE = table.c.state != WorkState.DONE.value


class RunQueue:
    """The tests of runs; the caller has made sure that the run exists and is RUNNING."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def fill(self, run: int, tests: Sequence[PlannedTest]) -> None:
        """Write the tests and who requires whom."""
        planned = stored_tests(tests)
        if not planned:
            return
        places = {test.nid: position for position, test in enumerate(planned)}
        needs = [sorted({places[nid] for nid in test.requires if nid in places}) for test in planned]
        rows = [
            _row(run, place, test, len(need)) for place, (test, need) in enumerate(zip(planned, needs, strict=True))
        ]
        self._conn.execute(sa.insert(table), rows)
        edges = [{"run": run, "need": one, "position": place} for place, need in enumerate(needs) for one in need]
        if edges:
            self._conn.execute(sa.insert(run_need), edges)

    def report(self, run: int, worker: str, results: Sequence[TestResult], at: float) -> tuple[str, ...]:
        """See `interface_work.Runs.report`."""
        recorded = []
        for result in results:
            nid, outcome = clean(result.nid), clean(result.outcome)
            done = {"outcome": outcome, "seconds": result.seconds, "text": clean(result.text), "worker": worker}
            place = self._end(run, table.c.nid == nid, done, at)
            if place is None:
                continue
            recorded.append(nid)
            if outcome in HARMLESS:
                self._unblock(run, place)
            else:
                self._block(run, place, nid, at)
        return tuple(recorded)

    def _end(self, run: int, which: sa.ColumnElement[bool], values: Mapping[str, Any], at: float) -> int | None:
        where = (table.c.run == run) & which & _UNDONE
        done = {"state": WorkState.DONE.value, "done_at": at, **values}
        return self._conn.execute(sa.update(table).where(where).values(**done).returning(table.c.position)).scalar()

    def _unblock(self, run: int, place: int) -> None:
        followers = sa.select(run_need.c.position).where((run_need.c.run == run) & (run_need.c.need == place))
        where = (table.c.run == run) & table.c.position.in_(followers)
        self._conn.execute(sa.update(table).where(where).values(unmet=table.c.unmet - 1))

    def _block(self, run: int, place: int, nid: str, at: float) -> None:
        """Everything that requires the failed test, or a test blocked by it, is done too."""
        blocked = {"outcome": BLOCKED, "seconds": 0.0, "text": blocked_by(nid)}
        front = [place]
        while front:
            where = (run_need.c.run == run) & run_need.c.need.in_(front)
            followers = self._conn.execute(sa.select(run_need.c.position).where(where).distinct()).scalars().all()
            front = [one for one in followers if self._end(run, table.c.position == one, blocked, at) is not None]


def stored_tests(tests: Sequence[PlannedTest]) -> list[PlannedTest]:
    """The tests as they come back from the database. Raises StoreError if a nid comes twice."""
    stored = [
        PlannedTest(
            as_key(test.nid, "test"),
            float(test.estimate),
            float(test.rank),
            tuple(clean(nid) for nid in test.requires),
            clean_or_none(test.group),
            clean_or_none(test.avoid_worker),
            test.crashes,
        )
        for test in tests
    ]
    seen: set[str] = set()
    for test in stored:
        if test.nid in seen:
            raise StoreError(f"test {test.nid!r} was planned twice for the same run")
        seen.add(test.nid)
    return stored


def blocked_by(nid: str) -> str:
    """What a person reads of a blocked test."""
    return f"not run: it requires {nid}, which failed"


def _row(run: int, place: int, test: PlannedTest, unmet: int) -> dict[str, Any]:
    return {
        "run": run,
        "position": place,
        "nid": test.nid,
        "estimate": test.estimate,
        "rank": test.rank,
        "requires": to_json(test.requires),
        "unmet": unmet,
        "group": test.group,
        "avoid_worker": test.avoid_worker,
        "crashes": test.crashes,
        "state": WorkState.WAITING.value,
        "text": "",
    }
