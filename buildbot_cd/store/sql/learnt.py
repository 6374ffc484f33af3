# SPDX-License-Identifier: GPL-2.0-only
"""The function map, failures by file, and catches in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.core.selection import Entry
from buildbot_cd.core.selection.budget import Catch
from buildbot_cd.core.selection.cofailure import aged
from buildbot_cd.store.schema import catch as catches
from buildbot_cd.store.schema import cofailure, ran
from buildbot_cd.store.sql.statements import insert_if_absent, upsert
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_PART = 500
"""Names that go into one statement: SQLite takes a limited number of parameters."""


class SqlLearnt:
    """See `interface_learnt.Learnt`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def put_map(self, gate: str, units: Mapping[str, bytes], at: float) -> None:
        name = as_key(gate, "gate")
        values = {as_key(nid, "test"): data for nid, data in units.items()}
        upsert(self._conn, ran, [{"gate": name, "nid": nid, "units": one, "at": at} for nid, one in values.items()])

    def get_map(self, gate: str) -> dict[str, Entry]:
        query = sa.select(ran.c.nid, ran.c.units, ran.c.at).where(ran.c.gate == clean(gate))
        return {nid: Entry(bytes(units), at) for nid, units, at in self._conn.execute(query)}

    def entry(self, gate: str, nid: str) -> Entry | None:
        mine = (ran.c.gate == clean(gate)) & (ran.c.nid == clean(nid))
        row = self._conn.execute(sa.select(ran.c.units, ran.c.at).where(mine)).one_or_none()
        return None if row is None else Entry(bytes(row[0]), row[1])

    def map_version(self, gate: str) -> tuple[int, float | None]:
        query = sa.select(sa.func.count(), sa.func.max(ran.c.at)).where(ran.c.gate == clean(gate))
        count, at = self._conn.execute(query).one()
        return int(count), at

    def map_ages(self, gate: str) -> dict[str, float]:
        query = sa.select(ran.c.nid, ran.c.at).where(ran.c.gate == clean(gate))
        return {row.nid: row.at for row in self._conn.execute(query)}

    def forget(self, gate: str, nids: Iterable[str]) -> None:
        names = sorted({clean(nid) for nid in nids})
        for at in range(0, len(names), _PART):
            mine = (ran.c.gate == clean(gate)) & ran.c.nid.in_(names[at : at + _PART])
            self._conn.execute(sa.delete(ran).where(mine))

    def changed(self, gate: str, paths: Collection[str], at: float) -> None:
        self._add(gate, {(as_key(path, "path"), ""): 1.0 for path in paths}, at)

    def failed(self, gate: str, paths: Collection[str], tests: Collection[str], at: float) -> None:
        each = 1.0 / max(len(paths), 1)
        self._add(gate, {(as_key(path, "path"), as_key(nid, "test")): each for path in paths for nid in tests}, at)

    def _add(self, gate: str, counts: Mapping[tuple[str, str], float], at: float) -> None:
        known = self.history(gate, {path for path, _ in counts})
        rows = []
        for (path, nid), count in counts.items():
            before = known.get(path, {}).get(nid)
            whole = count if before is None else count + aged(*before, at)
            rows.append({"gate": as_key(gate, "gate"), "path": path, "test": nid, "n": whole, "at": at})
        upsert(self._conn, cofailure, rows)

    def history(self, gate: str, paths: Collection[str]) -> dict[str, dict[str, tuple[float, float]]]:
        names = sorted({clean(path) for path in paths})
        columns = (cofailure.c.path, cofailure.c.test, cofailure.c.n, cofailure.c.at)
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for start in range(0, len(names), _PART):
            mine = (cofailure.c.gate == clean(gate)) & cofailure.c.path.in_(names[start : start + _PART])
            for path, nid, n, at in self._conn.execute(sa.select(*columns).where(mine)):
                found.setdefault(path, {})[nid] = (n, at)
        return found

    def caught(self, gate: str, catch: Catch) -> None:
        insert_if_absent(self._conn, catches, {"gate": as_key(gate, "gate"), **catch._asdict()})

    def catches(self, gate: str, since: float) -> tuple[Catch, ...]:
        mine = (catches.c.gate == clean(gate)) & (catches.c.at > since)
        columns = [catches.c[name] for name in Catch._fields]
        found = (Catch(*row) for row in self._conn.execute(sa.select(*columns).where(mine)))
        return tuple(sorted(found, key=lambda one: (one.at, one.run)))
