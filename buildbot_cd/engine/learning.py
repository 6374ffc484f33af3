# SPDX-License-Identifier: GPL-2.0-only
"""What runs teach: the function map, which tests failed with which files, how soon a budget would have found that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch import Estimate
from buildbot_cd.core.selection import Choice, FunctionMap, Reached, UnitChange, reached
from buildbot_cd.core.selection.budget import Catch, confidence, when_found
from buildbot_cd.core.selection.cofailure import failed_with
from buildbot_cd.core.selection.function_map import packed
from buildbot_cd.errors import SelectionError
from buildbot_cd.store.text import fits_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from buildbot_cd.core.selection import Change, Test
    from buildbot_cd.core.selection.budget import Point
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Run

YEAR = 365 * 86_400.0
"""Seconds for which a catch counts in the confidence curve."""

SECOND_LOOK = "retry"
"""The kind of run in which a failure is confirmed."""


class Learning:
    """The gate's knowledge of its tests; the map is turned around once for each version of it."""

    def __init__(self, store: Store, gate: str, now: Callable[[], float]) -> None:
        self.store, self.gate, self.now = store, gate, now
        self._version: tuple[int, float | None] = (0, None)
        self._map = FunctionMap({})

    async def map(self) -> FunctionMap:
        """The function map as it is now."""
        version = await self.store.read(lambda tx: tx.learnt.map_version(self.gate))
        if version != self._version:
            entries = await self.store.read(lambda tx: tx.learnt.get_map(self.gate))
            self._map, self._version = FunctionMap(entries), version
        return self._map

    async def near(self, units: UnitChange | None, change: Change, tests: Sequence[Test]) -> Reached:
        """What the map and the history know of a change; tests that are gone are forgotten."""
        known, now = await self.map(), self.now()
        history = await self.store.read(lambda tx: tx.learnt.history(self.gate, change.files))
        gone = known.tests - {test.nid for test in tests}
        if gone:
            await self.store.transact(lambda tx: tx.learnt.forget(self.gate, gone))
        return reached(units or UnitChange(), known, tests, failed_with(history, now))

    async def ran(self, units: Mapping[str, str]) -> None:
        """What tests ran that passed, by nid as the programs tell it; what is none, or too long, is left out."""
        data: dict[str, bytes] = {}
        for nid, text in units.items():
            if not fits_key(nid):
                continue
            try:
                data[nid] = packed(text)
            except SelectionError:
                continue
        if data:
            now = self.now()
            await self.store.transact(lambda tx: tx.learnt.put_map(self.gate, data, now))

    async def curve(self) -> tuple[Point, ...]:
        """What share of the last year's failures would have been found in 1, 4, 8 and 12 minutes."""
        since = self.now() - YEAR
        return confidence(await self.store.read(lambda tx: tx.learnt.catches(self.gate, since)))


def failed_again(tx: Tx, run: Run, nids: Collection[str], workers: int, now: float) -> None:
    """Tests failed once more in a second look: note with which files, and how soon a budget would have shown it."""
    first = next((one for one in tx.runs.for_landing(run.landing or 0) if one.kind == "gate"), None)
    if run.kind != SECOND_LOOK or first is None or not nids:
        return
    files = [str(one) for one in first.selection.get("files") or ()]
    tx.learnt.failed(run.gate, files, nids, now)
    chosen = [Choice(str(nid), ()) for nid, _ in first.selection.get("chosen") or ()]
    chance = {choice.nid: float(p) for choice, p in zip(chosen, first.selection.get("chances") or (), strict=False)}
    rows = tx.durations.get(run.gate, [choice.nid for choice in chosen])
    seconds = {nid: Estimate.from_row(row).seconds for nid, row in rows.items()}
    found = when_found(chosen, chance, seconds, set(nids), workers)
    if found is not None:
        tx.learnt.caught(run.gate, Catch(first.id, now, *found))
