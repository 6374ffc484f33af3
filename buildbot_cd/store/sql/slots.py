# SPDX-License-Identifier: GPL-2.0-only
"""Slots in SQL: to hold one is to have a row."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

import sqlalchemy as sa

from buildbot_cd.core.landing.values import Slot
from buildbot_cd.store.errors import SlotTaken
from buildbot_cd.store.schema import slot as table
from buildbot_cd.store.sql.statements import insert_if_absent, many
from buildbot_cd.store.text import as_key, clean


class SqlSlots:
    """See `interface_gate.Slots`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def holders(self, gate: str) -> dict[Slot, int]:
        return {slot: landing for slot, (landing, _) in self.held(gate).items()}

    def held(self, gate: str) -> dict[Slot, tuple[int, float]]:
        rows = many(self._conn, sa.select(table).where(table.c.gate == clean(gate)))
        return {Slot(row["slot"]): (int(row["landing"]), float(row["at"])) for row in rows}

    def take(self, gate: str, slot: Slot, landing: int, at: float) -> None:
        row = {"gate": as_key(gate, "gate"), "slot": slot.value, "landing": landing, "at": at}
        if not insert_if_absent(self._conn, table, row):
            raise SlotTaken(f"the {slot.value} slot of {row['gate']} is held: landing {landing} has to wait")

    def free(self, gate: str, slot: Slot, landing: int) -> bool:
        where = (table.c.gate == clean(gate)) & (table.c.slot == slot.value) & (table.c.landing == landing)
        return self._conn.execute(sa.delete(table).where(where)).rowcount == 1
