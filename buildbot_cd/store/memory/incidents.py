# SPDX-License-Identifier: GPL-2.0-only
"""Incidents in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.incident import Standing
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.incidents import CHANGING, stored_incident
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from buildbot_cd.core.incident import Incident
    from buildbot_cd.store.memory.tables import Tables
    from buildbot_cd.store.wanted import Wanted


class MemoryIncidents:
    """See `interface_incidents.Incidents`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def open(self, incident: Incident) -> tuple[Incident, bool]:
        key = as_key(incident.key, "incident")
        known = next((one for one in self._tables.incidents.values() if one.key == key), None)
        if known is not None:
            return _copy(known), False
        fresh = replace(stored_incident(incident), id=max(self._tables.incidents, default=0) + 1, version=0)
        self._tables.incidents[fresh.id] = fresh
        return _copy(fresh), True

    def get(self, ident: int) -> Incident | None:
        found = self._tables.incidents.get(ident)
        return None if found is None else _copy(found)

    def of_landing(self, landing: int) -> tuple[Incident, ...]:
        return tuple(_copy(one) for one in self._tables.incidents.values() if one.landing == landing)

    def find(self, wanted: Wanted) -> tuple[tuple[Incident, ...], int]:
        return wanted.cut(list(self._tables.incidents.values()), _copy)

    def update(self, incident: Incident) -> Incident:
        known = self._tables.incidents.get(incident.id)
        if known is None:
            raise missing("incident", incident.id)
        if known.version != incident.version:
            raise StaleVersion(f"incident {incident.id} was changed since version {incident.version} was read")
        written = stored_incident(incident)
        fresh = replace(known, version=known.version + 1, **{name: getattr(written, name) for name in CHANGING})
        self._tables.incidents[fresh.id] = fresh
        return _copy(fresh)

    def overdue(self, gate: str, now: float) -> int:
        late = (one for one in self._tables.incidents.values() if one.gate == clean(gate) and one.due_at < now)
        return sum(1 for one in late if one.state is not Standing.CLOSED)


def _copy(incident: Incident) -> Incident:
    """Nobody may change what is stored through what was read."""
    return replace(incident, proof=dict(incident.proof))
