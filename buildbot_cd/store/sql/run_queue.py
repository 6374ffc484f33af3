# SPDX-License-Identifier: GPL-2.0-only
"""A test run's queue in SQL: its tests, their results, and what these let go on. Claims are in `run_claims`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.store.forms.runs import blocked_by, stored_tests
from buildbot_cd.store.rows import BLOCKED, HARMLESS, PlannedTest, WorkState
from buildbot_cd.store.schema import run_need
from buildbot_cd.store.schema import run_test as table
from buildbot_cd.store.text import clean, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.store.rows import TestResult

_PART = 500
"""Names or places that go into one statement: SQLite takes a limited number of parameters."""

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
        """See `interface_work.Runs.report`. Results are written together, up to each one that blocks others."""
        undone = self._undone(run, [clean(result.nid) for result in results])
        recorded: list[str] = []
        rows: list[dict[str, Any]] = []
        good: list[int] = []
        for result in results:
            nid, outcome = clean(result.nid), clean(result.outcome)
            place = undone.pop(nid, None)
            if place is None:
                continue
            recorded.append(nid)
            rows.append({"at": place, "as": outcome, "took": result.seconds, "said": clean(result.text)})
            if outcome in HARMLESS:
                good.append(place)
                continue
            self._write(run, worker, rows, at)
            rows = []
            blocked = self._block(run, place, nid, at)
            undone = {name: one for name, one in undone.items() if one not in blocked}
        self._write(run, worker, rows, at)
        self._unblock(run, good)
        return tuple(recorded)

    def _undone(self, run: int, nids: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in (nids[at : at + _PART] for at in range(0, len(nids), _PART)):
            query = sa.select(table.c.nid, table.c.position).where(
                (table.c.run == run) & table.c.nid.in_(part) & _UNDONE
            )
            found |= dict(self._conn.execute(query).all())
        return found

    def _write(self, run: int, worker: str, rows: list[dict[str, Any]], at: float) -> None:
        if not rows:
            return
        done = sa.update(table).where((table.c.run == run) & (table.c.position == sa.bindparam("at")))
        values = {
            "state": WorkState.DONE.value,
            "done_at": at,
            "worker": worker,
            "outcome": sa.bindparam("as"),
            "seconds": sa.bindparam("took"),
            "text": sa.bindparam("said"),
        }
        self._conn.execute(done.values(**values), rows)

    def _end(self, run: int, which: sa.ColumnElement[bool], values: Mapping[str, Any], at: float) -> int | None:
        where = (table.c.run == run) & which & _UNDONE
        done = {"state": WorkState.DONE.value, "done_at": at, **values}
        return self._conn.execute(sa.update(table).where(where).values(**done).returning(table.c.position)).scalar()

    def _unblock(self, run: int, places: list[int]) -> None:
        """What waits for these waits for so many less."""
        for part in (places[at : at + _PART] for at in range(0, len(places), _PART)):
            ended = (run_need.c.run == run) & run_need.c.need.in_(part)
            followers = sa.select(run_need.c.position).where(ended)
            mine = sa.select(sa.func.count()).where(ended & (run_need.c.position == table.c.position)).scalar_subquery()
            where = (table.c.run == run) & table.c.position.in_(followers)
            self._conn.execute(sa.update(table).where(where).values(unmet=table.c.unmet - mine))

    def _block(self, run: int, place: int, nid: str, at: float) -> set[int]:
        """Everything that requires the failed test, or a test blocked by it, is done too; gives their places."""
        blocked = {"outcome": BLOCKED, "seconds": 0.0, "text": blocked_by(nid)}
        front, ended = [place], set[int]()
        while front:
            where = (run_need.c.run == run) & run_need.c.need.in_(front)
            followers = self._conn.execute(sa.select(run_need.c.position).where(where).distinct()).scalars().all()
            front = [one for one in followers if self._end(run, table.c.position == one, blocked, at) is not None]
            ended.update(front)
        return ended


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
