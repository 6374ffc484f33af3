# SPDX-License-Identifier: GPL-2.0-only
"""What a master has learnt of its tests, read from its database: map, history, durations, confidence."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.cli.database import reading
from buildbot_cd.core.dispatch import Estimate
from buildbot_cd.core.selection import FunctionMap, Reached, UnitChange, reached
from buildbot_cd.core.selection.budget import Point, confidence
from buildbot_cd.core.selection.cofailure import failed_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.selection import Change, Test
    from buildbot_cd.store import EngineStore

YEAR = 365 * 86_400.0


@dataclass
class Knowledge:
    """Of one gate; empty without a database."""

    store: EngineStore | None = None
    gate: str = ""
    now: float = 0.0
    map: FunctionMap = field(default_factory=lambda: FunctionMap({}))
    seconds: dict[str, float] = field(default_factory=dict)
    curve: tuple[Point, ...] = ()

    @classmethod
    def of(cls, url: str | None, gate: str) -> Knowledge:
        """What that database knows. Raises CdError if it cannot be read."""
        if url is None:
            return cls()
        now = time.time()
        with reading(url) as store:
            entries = store.transact_now(lambda tx: tx.learnt.get_map(gate))
            rows = store.transact_now(lambda tx: tx.durations.get(gate))
            catches = store.transact_now(lambda tx: tx.learnt.catches(gate, now - YEAR))
        seconds = {nid: Estimate.from_row(row).seconds for nid, row in rows.items()}
        return cls(store, gate, now, FunctionMap(entries), seconds, confidence(catches))

    def near(self, units: UnitChange | None, change: Change, tests: Sequence[Test]) -> Reached:
        """What is known of the change."""
        if self.store is None:
            return Reached()
        history = self.store.transact_now(lambda tx: tx.learnt.history(self.gate, change.files))
        return reached(units or UnitChange(), self.map, tests, failed_with(history, self.now))

    @property
    def age(self) -> dict[str, float | int | None]:
        """Tests in the map, and seconds since the oldest of them and the middle one ran."""
        oldest, median = self.map.oldest, self.map.median
        return {
            "tests": len(self.map),
            "oldest": None if oldest is None else round(self.now - oldest),
            "median": None if median is None else round(self.now - median),
        }

    def lines(self) -> list[str]:
        """The map's age and the confidence curve for people."""
        age = self.age
        if not age["tests"]:
            found = [f"no test of gate {self.gate} is in the function map: it fills with the gate's runs"]
        else:
            oldest, median = (f"{(age[name] or 0) / 86_400:.1f} days" for name in ("oldest", "median"))
            found = [f"function map: {age['tests']} tests, half of them seen within {median}, the oldest {oldest} ago"]
        if self.curve and self.curve[0].failures:
            parts = [f"{one.seconds / 60:g} min {100 * (one.share or 0):.0f} %" for one in self.curve]
            found.append(f"of {self.curve[0].failures} failures a budget would have found: {', '.join(parts)}")
        else:
            found.append("no confirmed failure is on record yet: what a budget would find is not known")
        return found
