# SPDX-License-Identifier: GPL-2.0-only
"""Rollouts and their hosts in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import asdict, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.rollouts import changed_rollout, new_rollout, stored_host
from buildbot_cd.store.rows import AlikeHosts, HostRow, Rollout, RolloutState
from buildbot_cd.store.schema import rollout as table
from buildbot_cd.store.schema import rollout_host
from buildbot_cd.store.sql.statements import before, find, many, next_id, one, upsert
from buildbot_cd.store.text import clean, fits, from_json, to_json
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.store.wanted import Wanted


_HOST = [rollout_host.c[field.name] for field in fields(HostRow)]
"""The columns of a host, in the order of its values."""


class SqlRollouts:
    """See `interface_work.Rollouts`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def create(
        self,
        key: str,
        gate: str,
        landing: int | None,
        release: str,
        candidate: str,
        seed: int,
        plan: Mapping[str, Any],
        at: float,
        baseline: Mapping[str, Any] | None = None,
    ) -> Rollout:
        known = self.by_key(key)
        if known is not None:
            return known
        last = sa.select(sa.func.max(table.c.fence)).where(table.c.gate == clean(gate))
        fresh = new_rollout(
            Rollout(
                next_id(self._conn, table),
                key,
                gate,
                landing,
                release,
                candidate,
                (self._conn.execute(last).scalar() or 0) + 1,
                seed,
                at,
                plan,
                baseline or {},
            )
        )
        self._conn.execute(sa.insert(table).values(**_row(fresh)))
        return fresh

    def get(self, ident: int) -> Rollout | None:
        row = one(self._conn, sa.select(table).where(table.c.id == ident)) if fits(ident) else None
        return None if row is None else _rollout(row)

    def by_key(self, key: str) -> Rollout | None:
        row = one(self._conn, sa.select(table).where(table.c.key == clean(key)))
        return None if row is None else _rollout(row)

    def update(self, rollout: Rollout) -> Rollout:
        known = self.get(rollout.id)
        if known is None:
            raise missing("rollout", rollout.id)
        changed = changed_rollout(known, rollout)
        where = (table.c.id == rollout.id) & (table.c.version == rollout.version)
        if self._conn.execute(sa.update(table).where(where).values(**_row(changed))).rowcount != 1:
            raise StaleVersion(f"rollout {rollout.id} was changed by somebody else: read it again")
        return changed

    def latest(self, gate: str) -> Rollout | None:
        return next(iter(self.recent(gate, 1)), None)

    def for_landing(self, landing: int) -> tuple[Rollout, ...]:
        query = sa.select(table).where(table.c.landing == landing).order_by(table.c.id)
        return tuple(_rollout(row) for row in many(self._conn, query)) if fits(landing) else ()

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Rollout, ...]:
        query = sa.select(table).where(table.c.gate == clean(gate)).order_by(table.c.id.desc()).limit(limited(limit))
        if before_id is not None:
            query = query.where(before(table.c.id, before_id))
        return tuple(_rollout(row) for row in many(self._conn, query))

    def find(self, wanted: Wanted) -> tuple[tuple[Rollout, ...], int]:
        rows, total = find(self._conn, table, wanted)
        return tuple(_rollout(row) for row in rows), total

    def hosts(self, ident: int) -> tuple[HostRow, ...]:
        if not fits(ident):
            return ()
        # By position, which is fast for hundreds of hosts; sorted here, since databases differ in the order of texts.
        rows = self._conn.execute(sa.select(*_HOST).where(rollout_host.c.rollout == ident))
        return tuple(sorted((HostRow(*row) for row in rows), key=attrgetter("host")))

    def alike(self, ident: int) -> frozenset[AlikeHosts]:
        how = (rollout_host.c.desired, rollout_host.c.observed, rollout_host.c.phase)
        query = sa.select(*how, sa.func.count()).where(rollout_host.c.rollout == ident).group_by(*how)
        return frozenset(AlikeHosts(*row) for row in self._conn.execute(query)) if fits(ident) else frozenset()

    def put_hosts(self, ident: int, rows: Iterable[HostRow]) -> None:
        known = sa.select(table.c.id).where(table.c.id == ident)  # not all of it: a plan names every host
        if not fits(ident) or one(self._conn, known) is None:
            raise missing("rollout", ident)
        last = {host.host: host for host in (stored_host(ident, row) for row in rows)}
        upsert(self._conn, rollout_host, [asdict(host) for host in last.values()])


def _row(rollout: Rollout) -> dict[str, Any]:
    values = {name: getattr(rollout, name) for name in Rollout.__slots__}
    texts = {"plan": to_json(rollout.plan), "baseline": to_json(rollout.baseline), "state": rollout.state.value}
    return {**values, **texts}


def _rollout(row: Mapping[str, Any]) -> Rollout:
    values = {"plan": from_json(row["plan"]), "baseline": from_json(row["baseline"])}
    return Rollout(**{**row, **values, "state": RolloutState(row["state"])})
