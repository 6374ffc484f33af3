# SPDX-License-Identifier: GPL-2.0-only
"""Guards that need no statistics: what is this bad is taken back at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from buildbot_cd.core.immune.values import Bad, MetricKind, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval

MIN_EXPOSURE = 20
"""Requests that the canaries must have answered before their share of errors says anything."""

SILENT_INTERVALS = 3
"""Intervals in a row in which no canary answers while controls do."""

LONG = 3
"""Intervals in a row beyond an absolute limit of a level."""


class ShareGuard:
    """Trips when more than `hard_share` of the canaries' requests fail, in the watch so far or in the last interval.

    A metric whose usual share is high by nature (before the switch, or on the controls where there was no window) only
    trips at twice its usual share.
    """

    def __init__(self, spec: MetricSpec, canary: frozenset[str], baseline: Sequence[Interval]) -> None:
        self.spec = spec
        self._canary = canary
        self._total = [0.0, 0.0]
        self._others = [0.0, 0.0]
        self._before = [0.0, 0.0]
        for interval in baseline:
            for reading in interval.counts.get(spec.name, ()):
                self._before[0] += reading.events
                self._before[1] += reading.exposure

    def observe(self, interval: Interval) -> str | None:
        """The reason, if it trips on this interval."""
        if self.spec.kind is not MetricKind.COUNT or self.spec.bad is not Bad.UP or self.spec.hard_share is None:
            return None
        if not self.spec.judged:
            return None
        latest = [0.0, 0.0]
        for reading in interval.counts.get(self.spec.name, ()):
            arm = latest if reading.host in self._canary else self._others
            arm[0] += reading.events
            arm[1] += reading.exposure
        self._total[0] += latest[0]
        self._total[1] += latest[1]
        return self._judge(latest) or self._judge(self._total)

    def _judge(self, arm: Sequence[float]) -> str | None:
        events, exposure = arm
        limit = max(self.spec.hard_share or 0.0, 2 * self._usual())
        if exposure < MIN_EXPOSURE or events <= limit * exposure:
            return None
        share = f"{events / exposure:.0%} ({events:.0f} of {exposure:.0f})"
        return f"{self.spec.name} on the canary hosts is {share}, above the hard limit of {limit:.0%}"

    def _usual(self) -> float:
        events, exposure = self._before if self._before[1] > 0 else self._others
        return events / exposure if exposure > 0 else 0.0


class LevelGuard:
    """Trips when the canaries' mean level is beyond the absolute `limit`, LONG times in a row.

    Where the fleet was beyond it before the switch already, the limit is no measure of this release, and sleeps.
    """

    def __init__(self, spec: MetricSpec, canary: frozenset[str], baseline: Sequence[Interval]) -> None:
        self.spec = spec
        self._canary = canary
        self._beyond = 0
        before = [level.value for interval in baseline for level in interval.levels.get(spec.name, ())]
        self._sleeps = bool(before) and self._is_beyond(math.fsum(before) / len(before))

    def observe(self, interval: Interval) -> str | None:
        """The reason, if it trips on this interval."""
        if self.spec.kind is not MetricKind.LEVEL or self.spec.limit is None or self._sleeps or not self.spec.judged:
            return None
        values = [level.value for level in interval.levels.get(self.spec.name, ()) if level.host in self._canary]
        if not values:
            return None
        mean = math.fsum(values) / len(values)
        self._beyond = self._beyond + 1 if self._is_beyond(mean) else 0
        if self._beyond < LONG:
            return None
        side = "above" if self.spec.bad is Bad.UP else "below"
        return (
            f"{self.spec.name} on the canary hosts is {mean:.4g}, {side} the absolute limit of {self.spec.limit:.4g} "
            f"in the last {self._beyond} intervals"
        )

    def _is_beyond(self, value: float) -> bool:
        limit = self.spec.limit
        return limit is not None and (value > limit if self.spec.bad is Bad.UP else value < limit)


class SilenceGuard:
    """Trips when every canary is silent, SILENT_INTERVALS times in a row, while at least half the controls answer."""

    def __init__(self, canary: frozenset[str], control: frozenset[str]) -> None:
        self._canary, self._control = canary, control
        self._silent = 0

    def observe(self, interval: Interval) -> str | None:
        """The reason, if it trips on this interval."""
        answering = len(interval.answered & self._control)
        if interval.answered & self._canary or answering == 0 or 2 * answering < len(self._control):
            self._silent = 0
            return None
        self._silent += 1
        if self._silent < SILENT_INTERVALS:
            return None
        return (
            f"none of the {len(self._canary)} canary hosts answered in the last {self._silent} intervals, "
            f"while {answering} of {len(self._control)} control hosts did"
        )
