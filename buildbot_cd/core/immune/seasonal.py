# SPDX-License-Identifier: GPL-2.0-only
"""A whole fleet against the same hours of past weeks, where no control group is left.

The log of the fleet's rate (or mean level), less the median of past weeks at the same hour, less the same in the hour
before the switch, is what the release may have changed. How noisy that is, and how long it remembers, is learnt from
past days. It is before against after all the same: weather that comes with the switch looks like the release. So the
same calculation is made at the same hour of past days, on which nothing was released, and only what exceeds all of them
counts; and only a change of at least HARD is a reason to take a release back.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from buildbot_cd.core.immune.mixture import Vector, half_normal_log_e
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricKind, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.immune.interval import Interval

DAY, WEEK = 86400.0, 7 * 86400.0
PLACEBOS = 14
"""Past days on which the calculation is repeated."""

BEFORE = 3600.0
"""Seconds before the switch that say how today differs from past weeks."""

HARD = 0.3
"""The least change that is a reason to take a release back: without controls, and so with less trust."""

_SENSITIVE_AFTER = 5
_LEAST_NOISE = 0.01
_FEWEST_WEEKS = 3
_FEWEST_PLACEBOS = 7


@dataclass(frozen=True, slots=True)
class Season:
    """What past weeks say of one metric in the hours of a watch. All values are natural logs.

    step: seconds an interval. usual: the expected value of each interval after the switch. last: the difference from
    it just before. memory, noise: lag-1 correlation and innovation of the difference. level: variance of the mean in
    the hour before. placebos: the highest log e-value of each past day's same hour.
    """

    metric: str
    step: float
    usual: tuple[float, ...]
    last: float
    memory: float
    noise: float
    level: float
    placebos: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "usual": list(self.usual), "placebos": list(self.placebos)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Season:
        """The inverse of `to_json`."""
        return cls(**{**data, "usual": tuple(data["usual"]), "placebos": tuple(data["placebos"])})


def history_needed(weeks: int, watch: float) -> tuple[float, float]:
    """From how many seconds before the switch to how many before it the past is needed."""
    return weeks * WEEK + PLACEBOS * DAY + BEFORE, -watch


def season_of(
    spec: MetricSpec,
    past: Mapping[float, float],
    switch: float,
    step: float,
    *,
    weeks: int,
    watch: float,
    tolerance: float,
) -> Season | None:
    """What the past says, or None where it says too little. past: time -> rate or level of the whole fleet.

    Nothing after `switch` is used. Times are rounded to `step`.
    """
    series = {round(at / step): math.log(value) for at, value in past.items() if value > 0 and at <= switch}
    now, number = round(switch / step), max(1, math.ceil(watch / step))
    ahead = _differences(series, now, step, weeks, number)
    if ahead is None:
        return None
    days = [_differences(series, now - round(day * DAY / step), step, weeks, number) for day in range(1, PLACEBOS + 1)]
    known = [found for found in days if found is not None and not np.isnan(found.came).any()]
    if len(known) < _FEWEST_PLACEBOS:
        return None
    memory, noise = _fit([found.came for found in known])
    before = max(2, round(BEFORE / step))
    level = noise**2 / (1 - memory) ** 2 / before
    bare = Season(spec.name, step, tuple(ahead.expected.tolist()), ahead.last, memory, noise, level, ())
    highest = (float(np.max(_path(spec, replace(bare, last=one.last), one.came, tolerance))) for one in known)
    return replace(bare, placebos=tuple(highest))


@dataclass(frozen=True, slots=True)
class _Hours:
    """Around one switch: what past weeks let expect after it, with that day's own level put right; the difference just
    before it; and the differences that came after it (NaN where there is none yet).
    """

    expected: Vector
    last: float
    came: Vector


def _differences(series: Mapping[int, float], switch: int, step: float, weeks: int, number: int) -> _Hours | None:
    """The hours around `switch` (in steps), None where the past says too little."""
    week, before = round(WEEK / step), max(2, round(BEFORE / step))

    def usual(place: int) -> float:
        found = [series[place - w * week] for w in range(1, weeks + 1) if place - w * week in series]
        return float(np.median(found)) if len(found) >= min(weeks, _FEWEST_WEEKS) else math.nan

    hour = np.array([series.get(place, math.nan) - usual(place) for place in range(switch - before + 1, switch + 1)])
    if np.count_nonzero(~np.isnan(hour)) < before / 2:
        return None
    level = float(np.nanmean(hour))
    places = range(switch + 1, switch + number + 1)
    expected = _filled(np.array([usual(place) for place in places]))
    if expected is None:
        return None
    expected = expected + level
    came = np.array([series.get(place, math.nan) for place in places])
    if (filled := _filled(came)) is not None:
        came = filled
    last = 0.0 if math.isnan(hour[-1]) else float(hour[-1]) - level
    return _Hours(expected, last, came - expected)


def _filled(values: Vector) -> Vector | None:
    """Gaps bridged by straight lines; None where more than half is missing."""
    known = ~np.isnan(values)
    if 2 * np.count_nonzero(known) < max(2, len(values)):
        return None
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def _fit(days: Sequence[Vector]) -> tuple[float, float]:
    """Lag-1 correlation and robust noise of what the correlation leaves."""
    pairs = np.concatenate([np.stack([day[:-1], day[1:]]) for day in days], axis=1) if len(days[0]) > 1 else None
    if pairs is None or pairs.shape[1] < 10:
        spread = np.concatenate(days)
        return 0.0, max(_LEAST_NOISE, _robust(spread))
    first, second = pairs
    memory = float(np.clip(np.sum(first * second) / max(float(np.sum(first**2)), 1e-300), 0.0, 0.95))
    return memory, max(_LEAST_NOISE, _robust(second - memory * first))


def _robust(values: Vector) -> float:
    """Standard deviation by way of the median absolute deviation: a few wild values do not widen it."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _path(spec: MetricSpec, season: Season, differences: Vector, tolerance: float) -> Vector:
    """Log e-values after each interval."""
    sign = 1 if spec.bad is Bad.UP else -1
    shift = math.log(1 + tolerance)
    total, before, out = 0.0, season.last, []
    for number, difference in enumerate(differences.tolist(), 1):
        # A lasting change comes as one large step, of which the memory leaves a part in each value after it.
        tolerated = shift if number == 1 else (1 - season.memory) * shift
        total += sign * (difference - season.memory * before) - tolerated
        before = difference
        out.append(_log_e(season, total, number))
    return np.array(out)


def _log_e(season: Season, total: float, number: int) -> float:
    variance = number * season.noise**2 + (number * (1 - season.memory)) ** 2 * season.level
    return half_normal_log_e(total, variance, _SENSITIVE_AFTER * season.noise**2)


class SeasonalProcess:
    """Evidence on one metric of a whole fleet, from its intervals; a value for each `season.step` seconds."""

    def __init__(self, spec: MetricSpec, hosts: frozenset[str], season: Season, tolerance: float) -> None:
        self.spec, self.season = spec, season
        self._hosts, self._tolerance = hosts, tolerance
        self._differences: list[float] = []
        self._open = [0.0, 0.0]
        self._all = [0.0, 0.0]
        self._begun: float | None = None
        self._seen = False

    def observe(self, interval: Interval) -> None:
        """Take in one interval; a value is complete when its time is over."""
        if self._begun is None:
            self._begun = interval.time
        amount, of = self._amounts(interval)
        self._seen |= of > 0
        for sums in (self._open, self._all):
            sums[0] += amount
            sums[1] += of
        due = self._begun + self.season.step * (len(self._differences) + 1)
        if interval.time < due or len(self._differences) >= len(self.season.usual):
            return
        value = self._open[0] / self._open[1] if self._open[1] > 0 else 0.0
        floor = 0.5 / self._open[1] if self._open[1] > 0 else 1.0
        usual = self.season.usual[len(self._differences)]
        self._differences.append(math.log(max(value, floor)) - usual)
        self._open = [0.0, 0.0]

    def evidence(self) -> MetricEvidence:
        """Where it stands; the control totals are what past weeks let expect."""
        if not self._differences:
            return MetricEvidence(self.spec.name, judged=self.spec.judged, missing=not self._seen, note="no value yet")
        path = _path(self.spec, self.season, np.array(self._differences), self._tolerance)
        log_e = float(path[-1])
        ratio = math.exp(float(np.mean(self._differences)))
        note = self._objection(log_e, ratio)
        usual = math.exp(float(np.mean(self.season.usual[: len(self._differences)])))
        return MetricEvidence(
            name=self.spec.name,
            log_e=log_e,
            counted=min(log_e, 0.0) if note else log_e,
            ratio=ratio,
            canary_total=self._all[0],
            canary_exposure=self._all[1],
            control_total=usual * self._all[1],
            control_exposure=self._all[1],
            phi=self.season.noise,
            samples=len(self._differences),
            judged=self.spec.judged,
            note=note,
        )

    def _objection(self, log_e: float, ratio: float) -> str:
        """Why this evidence does not count, if so."""
        highest = max(self.season.placebos)
        change = ratio - 1 if self.spec.bad is Bad.UP else 1 - ratio
        if log_e > 0 and log_e <= highest:
            return f"days without a release looked like this too (1 of {len(self.season.placebos)} at least)"
        if log_e > 0 and change < HARD:
            return f"a change under {HARD:.0%} against past weeks alone is no reason to act"
        return ""

    def _amounts(self, interval: Interval) -> tuple[float, float]:
        if self.spec.kind is MetricKind.LEVEL:
            values = [v.value for v in interval.levels.get(self.spec.name, ()) if v.host in self._hosts]
            return math.fsum(values), float(len(values))
        readings = [r for r in interval.counts.get(self.spec.name, ()) if r.host in self._hosts]
        return math.fsum(r.events for r in readings), math.fsum(r.exposure for r in readings)
