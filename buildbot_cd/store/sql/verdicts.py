# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of the immune system in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.store.forms.rollouts import new_verdict
from buildbot_cd.store.rows import Verdict
from buildbot_cd.store.schema import verdict as table
from buildbot_cd.store.sql.statements import many, next_id
from buildbot_cd.store.text import fits, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class SqlVerdicts:
    """See `interface_work.Verdicts`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def add(self, rollout: int, stage: str, at: float, kind: str, reason: str, evidence: Mapping[str, Any]) -> int:
        fresh = new_verdict(next_id(self._conn, table), rollout, stage, at, kind, reason, evidence)
        values = {name: getattr(fresh, name) for name in Verdict.__slots__}
        self._conn.execute(sa.insert(table).values(**{**values, "evidence": to_json(evidence)}))
        return fresh.id

    def of_rollout(self, rollout: int) -> tuple[Verdict, ...]:
        query = sa.select(table).where(table.c.rollout == rollout).order_by(table.c.id)
        rows = many(self._conn, query) if fits(rollout) else ()
        return tuple(Verdict(**{**row, "evidence": from_json(row["evidence"])}) for row in rows)
