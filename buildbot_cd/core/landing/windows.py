# SPDX-License-Identifier: GPL-2.0-only
"""Times of the week at which nothing is deployed, by the clock on somebody's wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """From minute ``start`` to minute ``end`` of the day in ``zone``, on ``days`` (0 is Monday).

    One that ends at or before its start goes over midnight, and belongs to the day on which it begins.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo
    reason: str = ""

    def ends(self, now: float) -> float | None:
        """If the window is in force: when it ends, in seconds since the epoch; else None."""
        local = datetime.fromtimestamp(now, self.zone)
        length = (self.end - self.start) % DAY or DAY
        for day in (local, local - timedelta(days=1)):
            if day.weekday() not in self.days:
                continue
            first = _moment(day, self.start, self.zone)
            last = _moment(day, self.start + length, self.zone)
            if first <= now < last:
                return last
        return None


def in_force(windows: Iterable[Window], now: float) -> tuple[Window, float] | None:
    """The window that ends last of those in force, and when it ends."""
    found = [(window, end) for window in windows if (end := window.ends(now)) is not None]
    return max(found, key=lambda one: one[1]) if found else None


def _moment(day: datetime, minutes: int, zone: tzinfo) -> float:
    """That minute of that day, by the wall clock: also on the two days of the year that are not 24 hours long."""
    naive = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - its zone comes next
    return naive.replace(tzinfo=zone).timestamp()
