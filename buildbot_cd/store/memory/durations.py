# SPDX-License-Identifier: GPL-2.0-only
"""Durations of tests and speeds of workers in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from buildbot_cd.store.memory.tables import Tables


class MemoryDurations:
    """See `interface_work.Durations`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, gate: str, nids: Collection[str] | None = None) -> dict[str, tuple[float, float, float]]:
        names = None if nids is None else {clean(nid) for nid in nids}
        return {
            nid: estimate
            for (name, nid), estimate in self._tables.durations.items()
            if name == clean(gate) and (names is None or nid in names)
        }

    def put(
        self, gate: str, estimates: Mapping[str, tuple[float, float, float]], passed: tuple[float, str] | None = None
    ) -> None:
        name = as_key(gate, "gate")
        rows = {(name, as_key(nid, "test")): one for nid, one in estimates.items()}
        self._tables.durations.update(rows)
        if passed is not None:
            self._tables.ages.update(dict.fromkeys(rows, (passed[0], clean(passed[1]))))

    def ages(self, gate: str) -> dict[str, tuple[float, str]]:
        known = [key for key in self._tables.durations if key[0] == clean(gate)]
        return {key[1]: self._tables.ages.get(key, (0.0, "")) for key in known}

    def speeds(self, gate: str) -> dict[str, tuple[float, int, float | None]]:
        return {worker: speed for (name, worker), speed in self._tables.speeds.items() if name == clean(gate)}

    def put_speeds(self, gate: str, speeds: Mapping[str, tuple[float, int, float | None]]) -> None:
        name = as_key(gate, "gate")
        self._tables.speeds.update({(name, as_key(worker, "worker")): one for worker, one in speeds.items()})
