# SPDX-License-Identifier: GPL-2.0-only
"""Flakes, quarantines and wrong reverts in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.core.landing.trust import JUDGED, Flakiness, Quarantine, Reverts
from buildbot_cd.core.landing.values import State
from buildbot_cd.store.forms.trust import in_order, stored_quarantine
from buildbot_cd.store.schema import duration, flake, landing, stressed, wrong_revert
from buildbot_cd.store.schema import quarantine as quarantines
from buildbot_cd.store.sql.statements import insert_if_absent, many, one, upsert
from buildbot_cd.store.text import as_key, clean, fits

if TYPE_CHECKING:
    from collections.abc import Iterable


MOST_BOUND = 500
"""Names in one query: databases take a limited number of bound values."""


class SqlTrust:
    """See `interface_trust.Trust`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def flaked(self, gate: str, test: str, landing: int, at: float) -> bool:
        values = {"gate": as_key(gate, "gate"), "test": as_key(test, "test"), "landing": landing, "at": at}
        return insert_if_absent(self._conn, flake, values)

    def flakes(self, gate: str, since: float) -> tuple[Flakiness, ...]:
        times = (sa.func.count(), sa.func.min(flake.c.at), sa.func.max(flake.c.at), sa.func.max(duration.c.n))
        known = (duration.c.gate == flake.c.gate) & (duration.c.nid == flake.c.test)
        query = sa.select(flake.c.test, *times).select_from(flake.outerjoin(duration, known))
        query = query.where((flake.c.gate == clean(gate)) & (flake.c.at > since)).group_by(flake.c.test)
        rows = self._conn.execute(query)
        return in_order(Flakiness(test, count, runs or 0.0, first, last) for test, count, first, last, runs in rows)

    def quarantine(self, gate: str, order: Quarantine) -> None:
        upsert(self._conn, quarantines, [{"gate": as_key(gate, "gate"), **asdict(stored_quarantine(order))}])

    def release(self, gate: str, test: str) -> bool:
        where = (quarantines.c.gate == clean(gate)) & (quarantines.c.test == clean(test))
        return self._conn.execute(sa.delete(quarantines).where(where)).rowcount == 1

    def quarantined(self, gate: str, now: float) -> tuple[Quarantine, ...]:
        names = [quarantines.c[name] for name in ("test", "owner", "reason", "by", "at", "until")]
        where = (quarantines.c.gate == clean(gate)) & (quarantines.c.until > now)
        found = (Quarantine(**row) for row in many(self._conn, sa.select(*names).where(where)))
        # Sorted here: databases differ in the order of texts.
        return tuple(sorted(found, key=lambda order: order.test))

    def note_stressed(self, gate: str, tests: Iterable[str], landing: int, rounds: int, at: float) -> None:
        for test in dict.fromkeys(as_key(name, "test") for name in tests):
            values = {"gate": as_key(gate, "gate"), "test": test, "landing": landing, "rounds": rounds, "at": at}
            insert_if_absent(self._conn, stressed, values)

    def unstressed(self, gate: str, tests: Iterable[str]) -> frozenset[str] | None:
        query = sa.select(stressed.c.test).where(stressed.c.gate == clean(gate))
        if self._conn.execute(query.limit(1)).first() is None:
            return None
        asked = {as_key(name, "test"): name for name in tests}
        known: set[str] = set()
        keys = list(asked)
        for first in range(0, len(keys), MOST_BOUND):
            names = keys[first : first + MOST_BOUND]
            known.update(self._conn.execute(query.where(stressed.c.test.in_(names))).scalars())
        return frozenset(test for key, test in asked.items() if key not in known)

    def call_wrong(self, landing: int, by: str, reason: str, at: float) -> bool:
        values = {"landing": landing, "by": clean(by), "reason": clean(reason), "at": at}
        return insert_if_absent(self._conn, wrong_revert, values)

    def called_wrong(self, landing: int) -> bool:
        query = sa.select(wrong_revert.c.landing).where(wrong_revert.c.landing == landing)
        return fits(landing) and one(self._conn, query) is not None

    def reverts(self, gate: str, since: float) -> Reverts:
        both = landing.outerjoin(wrong_revert, wrong_revert.c.landing == landing.c.id)
        query = sa.select(sa.func.count(), sa.func.count(wrong_revert.c.landing)).select_from(both)
        ours = landing.c.revert_kind.in_(JUDGED) & (landing.c.state == State.REVERTED.value)
        row = self._conn.execute(query.where((landing.c.gate == clean(gate)) & (landing.c.since > since) & ours)).one()
        return Reverts(*row)
