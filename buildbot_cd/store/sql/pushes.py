# SPDX-License-Identifier: GPL-2.0-only
"""Pushes in SQL."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.core.landing.people import Push
from buildbot_cd.store.forms.gate import stored_push
from buildbot_cd.store.schema import push as table
from buildbot_cd.store.sql.statements import insert_if_absent, many
from buildbot_cd.store.text import as_key, clean, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_ONCE = 500
"""SQLite takes only so many bound values in one statement."""


class SqlPushes:
    """See `interface_gate.Pushes`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def record(self, gate: str, push: Push, at: float) -> bool:
        told = stored_push(push)
        values = {"gate": as_key(gate, "gate"), "head": told.head, "base": told.base, "who": told.who, "at": at}
        return insert_if_absent(self._conn, table, {**values, "options": to_json(told.options)})

    def of_heads(self, gate: str, heads: Iterable[str]) -> tuple[Push, ...]:
        wanted = [clean(one) for one in heads]
        found: dict[str, Push] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = table.c.head.in_(wanted[start : start + _AT_ONCE])
            for row in many(self._conn, sa.select(table).where((table.c.gate == clean(gate)) & some)):
                found[row["head"]] = Push(row["base"], row["head"], row["who"], from_json(row["options"]))
        return tuple(found[one] for one in wanted if one in found)
