# SPDX-License-Identifier: GPL-2.0-only
"""Guards that need no statistics: what is this bad is taken back at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.immune.values import Bad, MetricKind, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval

MIN_EXPOSURE = 20
"""Requests that the canaries must have answered before their share of errors says anything."""

SILENT_INTERVALS = 3
"""Intervals in a row in which no canary answers while controls do."""


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
