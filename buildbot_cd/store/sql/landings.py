# SPDX-License-Identifier: GPL-2.0-only
"""Landings and their histories in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.core.landing.values import TERMINAL, Landing, Reverted, State, Transition
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.gate import FIXED, RIDES, UNCOUNTED, changed_landing, first_line, new_landing
from buildbot_cd.store.interface_gate import REVERTS_KEPT
from buildbot_cd.store.schema import OPEN, transition
from buildbot_cd.store.schema import landing as table
from buildbot_cd.store.sql.statements import before, find, many, next_id, one
from buildbot_cd.store.text import clean, fits, from_json, to_json
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.store.wanted import Wanted

AT_ONCE = 500
"""Ids in one query: databases limit the number of bound parameters."""

_STATES = {state.value: state for state in State}
"""By value: a long history has tens of thousands of them, and asking the enumeration takes ten times as long."""

_OPEN = frozenset(state.value for state in State if state not in TERMINAL)


class SqlLandings:
    """See `interface_gate.Landings`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def add(
        self,
        gate: str,
        base: str,
        head: str,
        engineer: str,
        subject: str,
        message: str,
        at: float,
        priority: int = 0,
        *,
        patch: str = "",
        relands: int | None = None,
        emergency: str = "",
    ) -> Landing:
        known = self.by_head(gate, head)
        if known is not None:
            return known
        ident = next_id(self._conn, table)
        push = (gate, base, head, engineer, subject, message)
        fresh = new_landing(ident, push, at, priority, patch=patch, relands=relands, emergency=emergency)
        fixed = {name: getattr(fresh, name) for name in FIXED}
        self._conn.execute(sa.insert(table).values(id=ident, **fixed, **_values(fresh)))
        self._record(first_line(fresh))
        return fresh

    def get(self, ident: int) -> Landing | None:
        row = one(self._conn, sa.select(table).where(table.c.id == ident)) if fits(ident) else None
        return None if row is None else _landing(row)

    def by_head(self, gate: str, sha: str) -> Landing | None:
        where = (table.c.gate == clean(gate)) & (table.c.head == clean(sha))
        row = one(self._conn, sa.select(table).where(where))
        return None if row is None else _landing(row)

    def open(self, gate: str) -> tuple[Landing, ...]:
        query = sa.select(table).where(table.c.gate == clean(gate), OPEN).order_by(table.c.id)
        return tuple(_landing(row) for row in many(self._conn, query))

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Landing, ...]:
        query = sa.select(table).where(table.c.gate == clean(gate)).order_by(table.c.id.desc()).limit(limited(limit))
        if before_id is not None:
            query = query.where(before(table.c.id, before_id))
        return tuple(_landing(row) for row in many(self._conn, query))

    def find(self, wanted: Wanted) -> tuple[tuple[Landing, ...], int]:
        still_open = wanted.states is not None and _OPEN.issuperset(wanted.states)
        few = still_open or wanted.since is not None
        rows, total = find(self._conn, table, wanted, few=few, also=(OPEN,) if still_open else ())
        return tuple(_landing(row) for row in rows), total

    def update(self, landing: Landing, actor: str, reason: str, at: float) -> Landing:
        known = self.get(landing.id)
        if known is None:
            raise missing("landing", landing.id)
        changed = changed_landing(known, landing)
        rides = {name: getattr(changed, name) for name in RIDES if getattr(changed, name) != getattr(known, name)}
        where = (table.c.id == landing.id) & (table.c.version == landing.version)
        if self._conn.execute(sa.update(table).where(where).values(**rides, **_values(changed))).rowcount != 1:
            raise StaleVersion(f"landing {landing.id} was changed by somebody else: read it again")
        if changed.state is not known.state:
            last = sa.select(sa.func.max(transition.c.seq)).where(transition.c.landing == landing.id)
            seq = (self._conn.execute(last).scalar() or 0) + 1
            line = Transition(landing.id, seq, known.state, changed.state, at, clean(actor), clean(reason))
            self._record(line)
        return changed

    def transitions(self, ident: int) -> tuple[Transition, ...]:
        query = sa.select(transition).where(transition.c.landing == ident).order_by(transition.c.seq)
        return tuple(_transition(row) for row in many(self._conn, query)) if fits(ident) else ()

    def histories(self, idents: Iterable[int]) -> dict[int, tuple[Transition, ...]]:
        wanted = sorted({ident for ident in idents if fits(ident)})
        lines: dict[int, list[Transition]] = {}
        for first in range(0, len(wanted), AT_ONCE):
            some = transition.c.landing.in_(wanted[first : first + AT_ONCE])
            query = sa.select(transition).where(some).order_by(transition.c.landing, transition.c.seq)
            for row in many(self._conn, query):
                lines.setdefault(row["landing"], []).append(_transition(row))
        return {ident: tuple(found) for ident, found in lines.items()}

    def taken_back(self, gate: str, patch: str, commits: Iterable[str]) -> Landing | None:
        like: sa.ColumnElement[bool] = table.c.head.in_([clean(one) for one in commits])
        if patch:
            like = like | (table.c.patch == clean(patch))
        where = (table.c.gate == clean(gate)) & (table.c.state == State.REVERTED.value) & like
        row = one(self._conn, sa.select(table).where(where).order_by(table.c.id.desc()).limit(1))
        return None if row is None else _landing(row)

    def reverted_since(self, gate: str, at: float) -> tuple[Reverted, ...]:
        where = (
            (table.c.gate == clean(gate))
            & (table.c.state == State.REVERTED.value)
            & (table.c.since > at)
            & table.c.revert_kind.not_in(UNCOUNTED)
            & table.c.cause.is_(None)
        )
        query = sa.select(table.c.since, table.c.engineer).where(where)
        rows = self._conn.execute(query.order_by(table.c.since.desc(), table.c.id.desc()).limit(REVERTS_KEPT))
        return tuple(sorted(Reverted(*row) for row in rows))

    def _record(self, line: Transition) -> None:
        earlier = None if line.before is None else line.before.value
        self._conn.execute(
            sa.insert(transition).values(
                landing=line.landing,
                seq=line.seq,
                before=earlier,
                after=line.after.value,
                at=line.at,
                actor=line.actor,
                reason=line.reason,
            )
        )


def _values(landing: Landing) -> dict[str, Any]:
    return {
        "state": landing.state.value,
        "since": landing.since,
        "priority": landing.priority,
        "attempt": landing.attempt,
        "infra_attempts": landing.infra_attempts,
        "not_before": landing.not_before,
        "candidate": landing.candidate,
        "failing": to_json(landing.failing),
        "cause": landing.cause,
        "revert_kind": landing.revert_kind,
        "emergency": landing.emergency,
        "revert": landing.revert,
        "reason": landing.reason,
        "version": landing.version,
    }


def _landing(row: Mapping[str, Any]) -> Landing:
    return Landing(**{**row, "state": _STATES[row["state"]], "failing": tuple(from_json(row["failing"]))})


def _transition(row: Mapping[str, Any]) -> Transition:
    earlier = None if row["before"] is None else _STATES[row["before"]]
    return Transition(**{**row, "before": earlier, "after": _STATES[row["after"]]})
