# SPDX-License-Identifier: GPL-2.0-only
"""The function map, failures by file, and catches in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.selection import Entry
from buildbot_cd.core.selection.cofailure import aged
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from buildbot_cd.core.selection.budget import Catch
    from buildbot_cd.store.memory.tables import Tables


class MemoryLearnt:
    """See `interface_learnt.Learnt`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def put_map(self, gate: str, units: Mapping[str, bytes], at: float) -> None:
        name = as_key(gate, "gate")
        self._tables.ran.update({(name, as_key(nid, "test")): Entry(data, at) for nid, data in units.items()})

    def get_map(self, gate: str) -> dict[str, Entry]:
        return {nid: entry for (name, nid), entry in self._tables.ran.items() if name == clean(gate)}

    def entry(self, gate: str, nid: str) -> Entry | None:
        return self._tables.ran.get((clean(gate), clean(nid)))

    def map_version(self, gate: str) -> tuple[int, float | None]:
        found = self.get_map(gate)
        return len(found), max((one.at for one in found.values()), default=None)

    def map_ages(self, gate: str) -> dict[str, float]:
        return {nid: entry.at for nid, entry in self.get_map(gate).items()}

    def forget(self, gate: str, nids: Iterable[str]) -> None:
        for nid in nids:
            self._tables.ran.pop((clean(gate), clean(nid)), None)

    def changed(self, gate: str, paths: Collection[str], at: float) -> None:
        self._add(gate, {(as_key(path, "path"), ""): 1.0 for path in paths}, at)

    def failed(self, gate: str, paths: Collection[str], tests: Collection[str], at: float) -> None:
        each = 1.0 / max(len(paths), 1)
        self._add(gate, {(as_key(path, "path"), as_key(nid, "test")): each for path in paths for nid in tests}, at)

    def _add(self, gate: str, counts: Mapping[tuple[str, str], float], at: float) -> None:
        for (path, nid), count in counts.items():
            place = (as_key(gate, "gate"), path, nid)
            before = self._tables.cofailures.get(place)
            self._tables.cofailures[place] = (count if before is None else count + aged(*before, at), at)

    def history(self, gate: str, paths: Collection[str]) -> dict[str, dict[str, tuple[float, float]]]:
        names = {clean(path) for path in paths}
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for (name, path, nid), count in self._tables.cofailures.items():
            if name == clean(gate) and path in names:
                found.setdefault(path, {})[nid] = count
        return found

    def caught(self, gate: str, catch: Catch) -> None:
        self._tables.catches.setdefault((as_key(gate, "gate"), catch.run), catch)

    def catches(self, gate: str, since: float) -> tuple[Catch, ...]:
        found = [one for (name, _), one in self._tables.catches.items() if name == clean(gate) and one.at > since]
        return tuple(sorted(found, key=lambda one: (one.at, one.run)))
