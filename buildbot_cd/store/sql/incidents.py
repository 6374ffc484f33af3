# SPDX-License-Identifier: GPL-2.0-only
"""Incidents in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.core.incident import Cause, Incident, Standing
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.incidents import CHANGING, stored_incident
from buildbot_cd.store.schema import incident as table
from buildbot_cd.store.sql.statements import find, many, next_id, one
from buildbot_cd.store.text import as_key, clean, fits, from_json, to_json

if TYPE_CHECKING:
    from buildbot_cd.store.wanted import Wanted


class SqlIncidents:
    """See `interface_incidents.Incidents`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def open(self, incident: Incident) -> tuple[Incident, bool]:
        known = one(self._conn, sa.select(table).where(table.c.key == as_key(incident.key, "incident")))
        if known is not None:
            return _incident(known), False
        fresh = replace(stored_incident(incident), id=next_id(self._conn, table), version=0)
        self._conn.execute(sa.insert(table).values(**_row(fresh)))
        return fresh, True

    def get(self, ident: int) -> Incident | None:
        row = one(self._conn, sa.select(table).where(table.c.id == ident)) if fits(ident) else None
        return None if row is None else _incident(row)

    def of_landing(self, landing: int) -> tuple[Incident, ...]:
        query = sa.select(table).where(table.c.landing == landing).order_by(table.c.id)
        return tuple(_incident(row) for row in many(self._conn, query)) if fits(landing) else ()

    def find(self, wanted: Wanted) -> tuple[tuple[Incident, ...], int]:
        rows, total = find(self._conn, table, wanted)
        return tuple(_incident(row) for row in rows), total

    def update(self, incident: Incident) -> Incident:
        row = _row(stored_incident(incident))
        changes = {name: row[name] for name in CHANGING} | {"version": incident.version + 1}
        where = (table.c.id == incident.id) & (table.c.version == incident.version)
        if self._conn.execute(sa.update(table).where(where).values(**changes)).rowcount != 1:
            if self.get(incident.id) is None:
                raise missing("incident", incident.id)
            raise StaleVersion(f"incident {incident.id} was changed since version {incident.version} was read")
        found = self.get(incident.id)
        assert found is not None
        return found

    def overdue(self, gate: str, now: float) -> int:
        late = (table.c.gate == clean(gate)) & (table.c.state != Standing.CLOSED.value) & (table.c.due_at < now)
        return self._conn.execute(sa.select(sa.func.count()).select_from(table).where(late)).scalar() or 0


def _row(incident: Incident) -> dict[str, Any]:
    told = asdict(incident)
    return {
        **told,
        "cause": incident.cause.value,
        "state": incident.state.value,
        "whys": to_json(list(incident.whys)),
        "proof": to_json(dict(incident.proof)),
    }


def _incident(row: dict[str, Any]) -> Incident:
    read = {"whys": tuple(from_json(row["whys"])), "proof": from_json(row["proof"])}
    return Incident(**{**row, **read, "cause": Cause(row["cause"]), "state": Standing(row["state"])})
