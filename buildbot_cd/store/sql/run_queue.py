# SPDX-License-Identifier: GPL-2.0-only
"""A test run's queue in SQL: what is ready is found by an index, so a claim costs the same in a run of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.errors import StoreError
from buildbot_cd.store.interface_work import OFFERED
from buildbot_cd.store.rows import BLOCKED, HARMLESS, PlannedTest, ReadyTest, WorkState
from buildbot_cd.store.schema import run_need
from buildbot_cd.store.schema import run_test as table
from buildbot_cd.store.sql.statements import many
from buildbot_cd.store.text import as_key, clean, clean_or_none, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.store.interface_work import Choose
    from buildbot_cd.store.rows import TestResult

_WAITING = table.c.state == WorkState.WAITING.value
_CLAIMED = table.c.state == WorkState.CLAIMED.value
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

    def claim(
        self, run: int, worker: str, at: float, choose: Choose, *, allow_avoided: bool
    ) -> tuple[PlannedTest, ...]:
        """See `interface_work.Runs.claim`."""
        ready = self._ready(run, None if allow_avoided else worker)
        if not ready:
            return ()
        offered = [ReadyTest(**{name: row[name] for name in ReadyTest.__slots__}) for row in ready]
        chosen = check_choice(choose(offered, self._remaining(run), self._active(run, worker)), offered)
        if not chosen:
            return ()
        by_nid = {row["nid"]: row for row in ready}
        places = [by_nid[nid]["position"] for nid in chosen]
        taken = (table.c.run == run) & table.c.position.in_(places) & _WAITING
        claimed = {"state": WorkState.CLAIMED.value, "worker": worker, "claimed_at": at}
        if self._conn.execute(sa.update(table).where(taken).values(**claimed)).rowcount != len(places):
            raise StoreError(f"tests of run {run} were taken twice at once: the database does not keep writers apart")
        return tuple(_planned(by_nid[nid]) for nid in chosen)

    def release(self, run: int, worker: str) -> int:
        """See `interface_work.Runs.release`."""
        where = (table.c.run == run) & (table.c.worker == worker) & _CLAIMED
        free = {"state": WorkState.WAITING.value, "worker": None, "claimed_at": None}
        return self._conn.execute(sa.update(table).where(where).values(**free)).rowcount

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

    def _ready(self, run: int, avoiding: str | None) -> list[dict[str, Any]]:
        query = sa.select(table).where((table.c.run == run) & _WAITING & (table.c.unmet == 0))
        if avoiding is not None:
            query = query.where(table.c.avoid_worker.is_(None) | (table.c.avoid_worker != avoiding))
        return many(self._conn, query.order_by(table.c.rank.desc(), table.c.position).limit(OFFERED))

    def _remaining(self, run: int) -> float:
        total = sa.select(sa.func.sum(table.c.estimate)).where((table.c.run == run) & _WAITING)
        return float(self._conn.execute(total).scalar() or 0.0)

    def _active(self, run: int, worker: str) -> int:
        others = (table.c.run == run) & _CLAIMED & (table.c.worker != worker)
        return 1 + int(
            self._conn.execute(sa.select(sa.func.count(table.c.worker.distinct())).where(others)).scalar_one()
        )


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
        )
        for test in tests
    ]
    seen: set[str] = set()
    for test in stored:
        if test.nid in seen:
            raise StoreError(f"test {test.nid!r} was planned twice for the same run")
        seen.add(test.nid)
    return stored


def check_choice(chosen: Sequence[str], offered: Sequence[ReadyTest]) -> tuple[str, ...]:
    """The chosen nids, each once. Raises StoreError if one was not offered."""
    unique = tuple(dict.fromkeys(chosen))
    strange = set(unique) - {test.nid for test in offered}
    if strange:
        raise StoreError(f"chosen, but not offered: {', '.join(sorted(strange)[:5])}")
    return unique


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
        "state": WorkState.WAITING.value,
        "text": "",
    }


def _planned(row: Mapping[str, Any]) -> PlannedTest:
    return PlannedTest(
        row["nid"],
        row["estimate"],
        row["rank"],
        tuple(from_json(row["requires"])),
        row["group"],
        row["avoid_worker"],
    )
