# SPDX-License-Identifier: GPL-2.0-only
"""The outbox in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.core.landing.values import Effect, EffectKind, Intent, IntentState
from buildbot_cd.store.forms.gate import new_intent
from buildbot_cd.store.interface_gate import FINISHED_KEPT
from buildbot_cd.store.schema import OPEN, UNFINISHED, landing
from buildbot_cd.store.schema import intent as table
from buildbot_cd.store.sql.statements import many, next_id, one
from buildbot_cd.store.text import clean, fits, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FINISHED = [IntentState.DONE.value, IntentState.DROPPED.value]


class SqlOutbox:
    """See `interface_gate.Outbox`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def put(self, gate: str, landing: int | None, effect: Effect, epoch: int, at: float) -> Intent:
        known = self.get(effect.key)
        if known is not None:
            return known
        fresh = new_intent(gate, landing, effect, epoch, at)
        self._conn.execute(
            sa.insert(table).values(
                id=next_id(self._conn, table),
                key=fresh.key,
                gate=fresh.gate,
                landing=landing,
                kind=fresh.kind.value,
                payload=to_json(fresh.payload),
                epoch=epoch,
                created_at=at,
                state=fresh.state.value,
            )
        )
        return fresh

    def get(self, key: str) -> Intent | None:
        row = one(self._conn, sa.select(table).where(table.c.key == clean(key)))
        return None if row is None else _intent(row)

    def unfinished(self, gate: str | None = None) -> tuple[Intent, ...]:
        mine = () if gate is None else (table.c.gate == clean(gate),)
        return self._where(sa.and_(UNFINISHED, *mine))

    def of_landings(self, ids: Iterable[int]) -> tuple[Intent, ...]:
        return self._where(table.c.landing.in_(sorted({one for one in ids if fits(one)})))

    def of_open_landings(self, gate: str) -> tuple[Intent, ...]:
        """All intents of the gate's open landings; the snapshot's part, in one query however many there are."""
        open_ids = sa.select(landing.c.id).where(landing.c.gate == clean(gate), OPEN)
        return self._where(table.c.landing.in_(open_ids))

    def for_gate_level(self, gate: str) -> tuple[Intent, ...]:
        own = (table.c.gate == clean(gate)) & table.c.landing.is_(None)
        newest = sa.select(table).where(own & table.c.state.in_(_FINISHED)).order_by(table.c.id.desc())
        ended = [_intent(row) for row in many(self._conn, newest.limit(FINISHED_KEPT))]
        # Sorted out here: asked for those without a landing, SQLite goes through all that the gate ever did.
        unfinished = (one for one in self.unfinished(gate) if one.landing is None)
        return (*unfinished, *reversed(ended))

    def start(self, key: str, at: float, ref: str | None = None) -> bool:
        started = sa.func.coalesce(table.c.started_at, at)
        values: dict[str, Any] = {"state": IntentState.STARTED.value, "started_at": started}
        return self._move(key, values if ref is None else {**values, "ref": clean(ref)})

    def set_ref(self, key: str, ref: str) -> bool:
        return self._move(key, {"ref": clean(ref)})

    def finish(self, key: str, result: Mapping[str, Any], at: float) -> bool:
        return self._move(key, {"state": IntentState.DONE.value, "result": to_json(result), "ended_at": at})

    def drop(self, key: str, at: float) -> bool:
        return self._move(key, {"state": IntentState.DROPPED.value, "ended_at": at})

    def _move(self, key: str, values: Mapping[str, Any]) -> bool:
        where = sa.and_(table.c.key == clean(key), UNFINISHED)
        return self._conn.execute(sa.update(table).where(where).values(**values)).rowcount == 1

    def _where(self, where: sa.ColumnElement[bool]) -> tuple[Intent, ...]:
        return tuple(_intent(row) for row in many(self._conn, sa.select(table).where(where).order_by(table.c.id)))


def _intent(row: Mapping[str, Any]) -> Intent:
    return Intent(
        key=row["key"],
        gate=row["gate"],
        landing=row["landing"],
        kind=EffectKind(row["kind"]),
        payload=from_json(row["payload"]),
        epoch=row["epoch"],
        created_at=row["created_at"],
        state=IntentState(row["state"]),
        started_at=row["started_at"],
        ref=row["ref"],
        result=None if row["result"] is None else from_json(row["result"]),
    )
