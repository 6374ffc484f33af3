# SPDX-License-Identifier: GPL-2.0-only
"""Escapes in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.escapes import OPEN, new_escape, stored_escape
from buildbot_cd.store.text import clean
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.store.memory.tables import Tables
    from buildbot_cd.store.rows import Escape


class MemoryEscapes:
    """See `interface_escapes.Escapes`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, gate: str, test: str, run: int, at: float, base: str, suspects: Sequence[int]) -> Escape:
        fresh = new_escape(len(self._tables.escapes) + 1, gate, test, run, at, base, suspects)
        self._tables.escapes[fresh.id] = fresh
        return deepcopy(fresh)

    def get(self, ident: int) -> Escape | None:
        return deepcopy(self._tables.escapes.get(ident))

    def of_test(self, gate: str, test: str) -> Escape | None:
        return next((one for one in self._of(gate) if one.test == clean(test)), None)

    def open(self, gate: str) -> tuple[Escape, ...]:
        return tuple(one for one in reversed(self._of(gate)) if one.state in OPEN)

    def recent(self, gate: str, limit: int) -> tuple[Escape, ...]:
        return tuple(self._of(gate)[: limited(limit)])

    def update(self, escape: Escape) -> Escape:
        now = self._tables.escapes.get(escape.id)
        if now is None:
            raise missing("escape", escape.id)
        if now.version != escape.version:
            raise StaleVersion(f"escape {escape.id} is at version {now.version}, not {escape.version}")
        kept = {name: getattr(now, name) for name in ("gate", "test", "run", "found_at", "base", "suspects")}
        self._tables.escapes[escape.id] = replace(stored_escape(escape), **kept)
        return deepcopy(self._tables.escapes[escape.id])

    def _of(self, gate: str) -> list[Escape]:
        """The gate's, newest first."""
        return [deepcopy(one) for one in reversed(self._tables.escapes.values()) if one.gate == clean(gate)]
