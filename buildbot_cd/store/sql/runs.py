# SPDX-License-Identifier: GPL-2.0-only
"""Test runs in SQL: the run itself. Its queue is in `run_queue`, who holds what in `run_claims`."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.runs import new_run
from buildbot_cd.store.rows import HARMLESS, Counts, Look, Past, Run, RunState, RunTest, Share, WorkState
from buildbot_cd.store.schema import run as table
from buildbot_cd.store.schema import run_test
from buildbot_cd.store.sql.run_claims import RunClaims
from buildbot_cd.store.sql.run_queue import RunQueue
from buildbot_cd.store.sql.statements import many, next_id, one
from buildbot_cd.store.text import clean, clean_or_none, fits, from_json, to_json
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Window
    from buildbot_cd.store.rows import PlannedTest, TestResult


class SqlRuns:
    """See `interface_work.Runs`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn
        self._queue = RunQueue(conn)
        self._claims = RunClaims(conn)

    def create(self, key: str, gate: str, landing: int | None, kind: str, revision: str, at: float) -> Run:
        known = self.by_key(key)
        if known is not None:
            return known
        fresh = new_run(next_id(self._conn, table), key, gate, landing, kind, revision, at)
        self._conn.execute(
            sa.insert(table).values(
                id=fresh.id,
                key=fresh.key,
                gate=fresh.gate,
                landing=landing,
                kind=fresh.kind,
                revision=fresh.revision,
                created_at=at,
                state=fresh.state.value,
                selection="{}",
                error="",
            )
        )
        return fresh

    def get(self, ident: int) -> Run | None:
        row = one(self._conn, sa.select(table).where(table.c.id == ident)) if fits(ident) else None
        return None if row is None else _run(row)

    def by_key(self, key: str) -> Run | None:
        row = one(self._conn, sa.select(table).where(table.c.key == clean(key)))
        return None if row is None else _run(row)

    def for_landing(self, landing: int) -> tuple[Run, ...]:
        query = sa.select(table).where(table.c.landing == landing).order_by(table.c.id)
        return tuple(_run(row) for row in many(self._conn, query)) if fits(landing) else ()

    def plan(
        self,
        ident: int,
        tests: Sequence[PlannedTest],
        selection: Mapping[str, Any],
        lower_bound: float | None,
        at: float,
    ) -> bool:
        self._state(ident)
        values = {
            "state": RunState.RUNNING.value,
            "planned_at": at,
            "selection": to_json(selection),
            "lower_bound": lower_bound,
        }
        if not self._move(ident, [RunState.PLANNING], values):
            return False
        self._queue.fill(ident, tests)
        return True

    def look(self, ident: int, window: Window) -> Look:
        if self._state(ident) is not RunState.RUNNING:
            return Look((), (), 0.0, ())
        return self._claims.look(ident, window)

    def take(
        self, ident: int, worker: str, nids: Sequence[str], at: float, lease_until: float
    ) -> tuple[PlannedTest, ...]:
        return self.deal(ident, [Share(worker, tuple(nids), lease_until)], at).get(clean(worker), ())

    def deal(self, ident: int, shares: Sequence[Share], at: float) -> dict[str, tuple[PlannedTest, ...]]:
        if self._state(ident) is not RunState.RUNNING:
            return {}
        return self._claims.deal(ident, shares, at)

    def held(self, ident: int) -> tuple[RunTest, ...]:
        self._state(ident)
        claimed = (run_test.c.run == ident) & (run_test.c.state == WorkState.CLAIMED.value)
        query = sa.select(run_test).where(claimed).order_by(run_test.c.position)
        return tuple(_run_test(row) for row in many(self._conn, query))

    def who_holds(self, ident: int, nids: Collection[str]) -> dict[str, str]:
        self._state(ident)
        return self._claims.who_holds(ident, [clean(nid) for nid in nids])

    def copy(self, ident: int, worker: str, nid: str, lease_until: float) -> PlannedTest | None:
        self._state(ident)
        return self._claims.copy(ident, clean(worker), clean(nid), lease_until)

    def extend(self, ident: int, worker: str, at: float, until: float, running: str | None = None) -> int:
        self._state(ident)
        return self._claims.extend(ident, clean(worker), at, until, clean_or_none(running))

    def expire(self, ident: int, at: float) -> tuple[str, ...]:
        self._state(ident)
        return self._claims.expire(ident, at)

    def release(self, ident: int, worker: str, suspect: str | None = None) -> int:
        self._state(ident)
        return self._claims.release(ident, clean(worker), clean_or_none(suspect))

    def report(self, ident: int, worker: str, results: Sequence[TestResult], at: float) -> tuple[str, ...]:
        if self._state(ident) is not RunState.RUNNING:
            return ()
        return self._queue.report(ident, clean(worker), results, at)

    def tests(self, ident: int) -> tuple[RunTest, ...]:
        self._state(ident)
        query = sa.select(run_test).where(run_test.c.run == ident).order_by(run_test.c.position)
        return tuple(_run_test(row) for row in many(self._conn, query))

    def worked(self, ident: int) -> tuple[float | None, tuple[str, ...]]:
        self._state(ident)
        mine = run_test.c.run == ident
        last = self._conn.execute(sa.select(sa.func.max(run_test.c.done_at)).where(mine)).scalar()
        names = sa.select(run_test.c.worker).where(mine & run_test.c.worker.is_not(None)).distinct()
        return last, tuple(sorted(self._conn.execute(names).scalars()))

    def nids(self, ident: int) -> tuple[str, ...]:
        self._state(ident)
        query = sa.select(run_test.c.nid).where(run_test.c.run == ident).order_by(run_test.c.position)
        return tuple(self._conn.execute(query).scalars())

    def counts(self, ident: int) -> Counts:
        self._state(ident)
        columns = (run_test.c.state, run_test.c.outcome)
        query = sa.select(*columns, sa.func.count()).where(run_test.c.run == ident).group_by(*columns)
        totals = {"waiting": 0, "claimed": 0, "done": 0, "failed": 0}
        for state, outcome, number in self._conn.execute(query):
            totals[state] += number
            if state == WorkState.DONE.value and outcome not in HARMLESS:
                totals["failed"] += number
        return Counts(**totals)

    def newest(self, gate: str, kind: str) -> Run | None:
        mine = (table.c.gate == clean(gate)) & (table.c.kind == clean(kind))
        light = [column for column in table.c if column.name != "selection"]
        row = one(self._conn, sa.select(*light).where(mine).order_by(table.c.id.desc()).limit(1))
        return None if row is None else _run({**row, "selection": "{}"})

    def recent(self, gate: str, kind: str, limit: int) -> tuple[int, ...]:
        mine = (table.c.gate == clean(gate)) & (table.c.kind == clean(kind)) & (table.c.state == RunState.DONE.value)
        query = sa.select(table.c.id).where(mine).order_by(table.c.id.desc()).limit(limited(limit))
        return tuple(self._conn.execute(query).scalars())

    def past(self, idents: Sequence[int]) -> dict[str, Past]:
        bad = run_test.c.outcome.is_not(None) & run_test.c.outcome.not_in(sorted(HARMLESS))
        columns = (sa.func.count(), sa.func.sum(sa.case((bad, 1), else_=0)), sa.func.max(run_test.c.done_at))
        mine = run_test.c.run.in_([ident for ident in idents if fits(ident)])
        query = sa.select(run_test.c.nid, *columns).where(mine).group_by(run_test.c.nid)
        return {nid: Past(int(runs), int(failed), at) for nid, runs, failed, at in self._conn.execute(query)}

    def rivals(self, gate: str, kinds: Collection[str]) -> tuple[int, ...]:
        running = (table.c.gate == clean(gate)) & (table.c.state == RunState.RUNNING.value)
        waits = (run_test.c.run == table.c.id) & (run_test.c.state == WorkState.WAITING.value)
        asked = running & table.c.kind.in_([clean(kind) for kind in kinds]) & sa.exists().where(waits)
        return tuple(self._conn.execute(sa.select(table.c.id).where(asked).order_by(table.c.id)).scalars())

    def finish(self, ident: int, at: float, error: str = "") -> bool:
        self._state(ident)
        values = {"state": RunState.DONE.value, "ended_at": at, "error": clean(error)}
        return self._move(ident, [RunState.PLANNING, RunState.RUNNING], values)

    def _state(self, ident: int) -> RunState:
        """Without the selection, which may be megabytes of JSON: claims and reports come many times a second."""
        query = sa.select(table.c.state).where(table.c.id == ident)
        state = self._conn.execute(query).scalar_one_or_none() if fits(ident) else None
        if state is None:
            raise missing("test run", ident)
        return RunState(state)

    def _move(self, ident: int, states: list[RunState], values: Mapping[str, Any]) -> bool:
        where = (table.c.id == ident) & table.c.state.in_([state.value for state in states])
        return self._conn.execute(sa.update(table).where(where).values(**values)).rowcount == 1


def _run(row: Mapping[str, Any]) -> Run:
    return Run(**{**row, "state": RunState(row["state"]), "selection": from_json(row["selection"])})


def _run_test(row: Mapping[str, Any]) -> RunTest:
    values = {**row, "state": WorkState(row["state"]), "requires": tuple(from_json(row["requires"]))}
    del values["unmet"]
    return RunTest(**values)
