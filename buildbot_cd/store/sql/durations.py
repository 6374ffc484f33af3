# SPDX-License-Identifier: GPL-2.0-only
"""Durations of tests in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.store.schema import duration as table
from buildbot_cd.store.sql.statements import many, upsert
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Mapping


class SqlDurations:
    """See `interface_work.Durations`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def get(self, gate: str) -> dict[str, tuple[float, float, float]]:
        rows = many(self._conn, sa.select(table).where(table.c.gate == clean(gate)))
        return {row["nid"]: (row["n"], row["mean"], row["variance"]) for row in rows}

    def put(self, gate: str, estimates: Mapping[str, tuple[float, float, float]]) -> None:
        name = as_key(gate, "gate")
        # Two nids may be one after cleaning: the last one counts.
        values = {as_key(nid, "test"): estimate for nid, estimate in estimates.items()}
        rows = [
            {"gate": name, "nid": nid, "n": n, "mean": mean, "variance": variance}
            for nid, (n, mean, variance) in values.items()
        ]
        upsert(self._conn, table, rows)
