# SPDX-License-Identifier: GPL-2.0-only
"""Escapes in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.escapes import OPEN, new_escape, stored_escape
from buildbot_cd.store.rows import Escape, EscapeState
from buildbot_cd.store.schema import escape as table
from buildbot_cd.store.sql.statements import many, next_id, one
from buildbot_cd.store.text import clean, fits, from_json, to_json
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SqlEscapes:
    """See `interface_escapes.Escapes`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def add(self, gate: str, test: str, run: int, at: float, base: str, suspects: Sequence[int]) -> Escape:
        fresh = new_escape(next_id(self._conn, table), gate, test, run, at, base, suspects)
        values = {"id": fresh.id, "gate": fresh.gate, "test": fresh.test, "run": run, "found_at": at, "version": 0}
        written = {"base": fresh.base, "suspects": to_json(fresh.suspects), **_changing(fresh)}
        self._conn.execute(sa.insert(table).values(**values, **written))
        return fresh

    def get(self, ident: int) -> Escape | None:
        row = one(self._conn, sa.select(table).where(table.c.id == ident)) if fits(ident) else None
        return None if row is None else _escape(row)

    def of_test(self, gate: str, test: str) -> Escape | None:
        mine = (table.c.gate == clean(gate)) & (table.c.test == clean(test))
        row = one(self._conn, sa.select(table).where(mine).order_by(table.c.id.desc()).limit(1))
        return None if row is None else _escape(row)

    def open(self, gate: str) -> tuple[Escape, ...]:
        mine = (table.c.gate == clean(gate)) & table.c.state.in_([state.value for state in OPEN])
        return tuple(_escape(row) for row in many(self._conn, sa.select(table).where(mine).order_by(table.c.id)))

    def recent(self, gate: str, limit: int) -> tuple[Escape, ...]:
        query = sa.select(table).where(table.c.gate == clean(gate)).order_by(table.c.id.desc()).limit(limited(limit))
        return tuple(_escape(row) for row in many(self._conn, query))

    def update(self, escape: Escape) -> Escape:
        fresh = stored_escape(escape)
        where = (table.c.id == escape.id) & (table.c.version == escape.version)
        values = {**_changing(fresh), "version": fresh.version}
        changed = self._conn.execute(sa.update(table).where(where).values(**values)).rowcount
        now = self.get(escape.id)
        if now is None:
            raise missing("escape", escape.id)
        if not changed:
            raise StaleVersion(f"escape {escape.id} is at version {now.version}, not {escape.version}")
        return now


def _changing(escape: Escape) -> dict[str, Any]:
    return {
        "state": escape.state.value,
        "probes": to_json(escape.probes),
        "culprit": escape.culprit,
        "probability": escape.probability,
        "told": to_json(escape.told),
        "reason": escape.reason,
        "ended_at": escape.ended_at,
    }


def _escape(row: Mapping[str, Any]) -> Escape:
    probes = tuple((place, run, word) for place, run, word in from_json(row["probes"]))
    changed = {"probes": probes, "suspects": tuple(from_json(row["suspects"])), "told": from_json(row["told"])}
    return Escape(**{**row, **changed, "state": EscapeState(row["state"])})
