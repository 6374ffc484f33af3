# SPDX-License-Identifier: GPL-2.0-only
"""Gates in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.core.landing.values import Freeze, Gate, Mode
from buildbot_cd.errors import StaleVersion, StoreError
from buildbot_cd.store.schema import gate as table
from buildbot_cd.store.sql.statements import insert_if_absent, many, missing, one
from buildbot_cd.store.text import as_key, clean, clean_or_none, from_json, to_json

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


def stored_gate(gate: Gate) -> Gate:
    """The gate as it comes back: its texts cleaned."""
    return replace(
        gate,
        name=as_key(gate.name, "gate"),
        mode_reason=clean(gate.mode_reason),
        mode_by=clean(gate.mode_by),
        beneath=_stored_freeze(gate.beneath),
        trunk=clean_or_none(gate.trunk),
        tested=clean_or_none(gate.tested),
        live=clean_or_none(gate.live),
        pushed=clean_or_none(gate.pushed),
    )


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


def _stored_freeze(freeze: Freeze | None) -> Freeze | None:
    return None if freeze is None else replace(freeze, reason=clean(freeze.reason), by=clean(freeze.by))
