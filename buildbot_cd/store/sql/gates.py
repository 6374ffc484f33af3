# SPDX-License-Identifier: GPL-2.0-only
"""Gates in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.core.landing.values import Freeze, Gate, Mode
from buildbot_cd.errors import StaleVersion, StoreError
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.gate import stored_gate
from buildbot_cd.store.schema import gate as table
from buildbot_cd.store.sql.statements import insert_if_absent, many, one
from buildbot_cd.store.text import clean, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class SqlGates:
    """See `interface_gate.Gates`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def get(self, name: str) -> Gate | None:
        row = one(self._conn, sa.select(table).where(table.c.name == clean(name)))
        return None if row is None else _gate(row)

    def create(self, gate: Gate) -> Gate:
        fresh = replace(stored_gate(gate), version=0)
        if not insert_if_absent(self._conn, table, {"name": fresh.name, **_values(fresh)}):
            raise StoreError(f"there is a gate {fresh.name!r} already")
        return fresh

    def update(self, gate: Gate) -> Gate:
        changed = replace(stored_gate(gate), version=gate.version + 1)
        where = (table.c.name == changed.name) & (table.c.version == gate.version)
        if self._conn.execute(sa.update(table).where(where).values(**_values(changed))).rowcount == 1:
            return changed
        if self.get(changed.name) is None:
            raise missing("gate", changed.name)
        raise StaleVersion(f"gate {changed.name} was changed by somebody else: read it again")

    def all(self) -> tuple[Gate, ...]:
        # Sorted here: databases differ in the order of texts.
        return tuple(sorted((_gate(row) for row in many(self._conn, sa.select(table))), key=lambda gate: gate.name))


def _values(gate: Gate) -> dict[str, Any]:
    return {
        "mode": gate.mode.value,
        "mode_reason": gate.mode_reason,
        "mode_by": gate.mode_by,
        "mode_until": gate.mode_until,
        "min_priority": gate.min_priority,
        "beneath": None if gate.beneath is None else to_json(asdict(gate.beneath)),
        "trunk": gate.trunk,
        "tested": gate.tested,
        "live": gate.live,
        "pushed": gate.pushed,
        "epoch": gate.epoch,
        "version": gate.version,
    }


def _gate(row: Mapping[str, Any]) -> Gate:
    beneath = None if row["beneath"] is None else _freeze(from_json(row["beneath"]))
    return Gate(**{**row, "mode": Mode(row["mode"]), "beneath": beneath})


def _freeze(fields: Mapping[str, Any]) -> Freeze:
    return Freeze(**{**fields, "mode": Mode(fields["mode"])})
