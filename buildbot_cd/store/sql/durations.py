# SPDX-License-Identifier: GPL-2.0-only
"""Durations of tests and speeds of workers in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.store.schema import duration as table
from buildbot_cd.store.schema import worker_speed
from buildbot_cd.store.sql.statements import many, upsert
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PART = 500
"""Names that go into one statement: SQLite takes a limited number of parameters."""


class SqlDurations:
    """See `interface_work.Durations`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def get(self, gate: str, nids: Collection[str] | None = None) -> dict[str, tuple[float, float, float]]:
        query = sa.select(table.c.nid, table.c.n, table.c.mean, table.c.variance).where(table.c.gate == clean(gate))
        if nids is None:
            return {nid: (n, mean, variance) for nid, n, mean, variance in self._conn.execute(query)}
        names = sorted({clean(nid) for nid in nids})
        found: dict[str, tuple[float, float, float]] = {}
        for at in range(0, len(names), _PART):
            part = query.where(table.c.nid.in_(names[at : at + _PART]))
            found |= {nid: (n, mean, variance) for nid, n, mean, variance in self._conn.execute(part)}
        return found

    def put(
        self, gate: str, estimates: Mapping[str, tuple[float, float, float]], passed: tuple[float, str] | None = None
    ) -> None:
        seen = {} if passed is None else {"at": passed[0], "revision": clean(passed[1])}
        name = as_key(gate, "gate")
        # Two nids may be one after cleaning: the last one counts.
        values = {as_key(nid, "test"): estimate for nid, estimate in estimates.items()}
        rows = [
            {"gate": name, "nid": nid, "n": n, "mean": mean, "variance": variance, **seen}
            for nid, (n, mean, variance) in values.items()
        ]
        upsert(self._conn, table, rows)

    def ages(self, gate: str) -> dict[str, tuple[float, str]]:
        query = sa.select(table.c.nid, table.c.at, table.c.revision).where(table.c.gate == clean(gate))
        return {nid: (at, revision) for nid, at, revision in self._conn.execute(query)}

    def speeds(self, gate: str) -> dict[str, tuple[float, int, float | None]]:
        rows = many(self._conn, sa.select(worker_speed).where(worker_speed.c.gate == clean(gate)))
        return {row["worker"]: (row["mean"], row["n"], row["overhead"]) for row in rows}

    def put_speeds(self, gate: str, speeds: Mapping[str, tuple[float, int, float | None]]) -> None:
        name = as_key(gate, "gate")
        values = {as_key(worker, "worker"): speed for worker, speed in speeds.items()}
        rows = [
            {"gate": name, "worker": worker, "mean": mean, "n": n, "overhead": overhead}
            for worker, (mean, n, overhead) in values.items()
        ]
        upsert(self._conn, worker_speed, rows)
