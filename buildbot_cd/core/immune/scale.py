# SPDX-License-Identifier: GPL-2.0-only
"""The scale on which levels are compared, and how far a single reading may pull."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from buildbot_cd.core.immune.mixture import Vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from buildbot_cd.core.immune.interval import Interval
    from buildbot_cd.core.immune.values import MetricSpec

_MADS = 10
_DEFAULT_NOISE = 0.1
_LEAST_NOISE = 1e-3
_LEAST_MAD = 0.05
_BOUNDLESS = 700.0
"""Logarithm beyond which a factor is no limit any more."""


@dataclass(frozen=True, slots=True)
class LevelScale:
    """Logarithms (`logs`) or plain values.

    noise: standard deviation of one reading around its host's mean, from the baseline. smallest: what stands for zero
    and below on the log scale. typical: the usual magnitude, by which relative limits become absolute ones.
    """

    logs: bool
    noise: float
    smallest: float
    typical: float

    @classmethod
    def of(cls, spec: MetricSpec, baseline: Sequence[Interval]) -> LevelScale:
        """Learn the scale of a metric from the window before the switch; defaults where it is empty."""
        values = [abs(v.value) for interval in baseline for v in interval.levels.get(spec.name, ())]
        typical = float(np.median(values)) if values else 1.0
        typical = typical if typical > 0 else 1.0
        smallest = typical * 1e-3 if values else 1e-9
        unit = 1.0 if spec.ratio_scale else typical
        bare = cls(spec.ratio_scale, _DEFAULT_NOISE * unit, smallest, typical)
        noise = _within_noise(spec.name, baseline, bare)
        if noise is None:
            return bare
        return cls(spec.ratio_scale, max(noise, _LEAST_NOISE * unit), smallest, typical)

    def to(self, value: float) -> float:
        """A reading on this scale."""
        return math.log(max(value, self.smallest)) if self.logs else value

    def change(self, ratio: float, centre: float) -> float:
        """The difference on this scale that a factor `ratio` makes where the controls are at `centre`."""
        return math.log(ratio) if self.logs else (ratio - 1) * abs(centre)

    def ratio(self, shift: float, level: float) -> float | None:
        """The factor that a difference on this scale means at `level`; None at level 0, and where there is no limit."""
        if self.logs:
            return math.exp(shift) if shift < _BOUNDLESS else None
        return (level + shift) / level if level else None

    def absolute(self, shift: float, level: float) -> float:
        """A difference on this scale in the metric's own unit."""
        return level * math.expm1(shift) if self.logs else shift

    def all_to(self, values: Vector) -> Vector:
        """Readings on this scale."""
        return np.log(np.maximum(values, self.smallest)) if self.logs else values

    def winsorised(self, values: Vector, control: npt.NDArray[np.bool_]) -> Vector:
        """Readings on this scale, none further than 10 MAD from the controls' median."""
        y = self.all_to(values)
        reference = y[control]
        median = float(np.median(reference))
        # Equal controls have MAD 0; a cap of 0 would make the canaries equal too.
        least = _LEAST_MAD if self.logs else _LEAST_MAD * self.typical
        limit = _MADS * max(float(np.median(np.abs(reference - median))), least, self.noise)
        return np.clip(y, median - limit, median + limit)


def prior_levels(metric: str, baseline: Iterable[Interval], scale: LevelScale) -> dict[str, float]:
    """Each host's mean level before the switch, on `scale`."""
    seen: dict[str, list[float]] = {}
    for interval in baseline:
        for level in interval.levels.get(metric, ()):
            seen.setdefault(level.host, []).append(scale.to(level.value))
    return {host: float(np.mean(values)) for host, values in seen.items()}


def _within_noise(metric: str, baseline: Sequence[Interval], scale: LevelScale) -> float | None:
    """Spread of readings around their host's mean and their interval's mean; None without two intervals."""
    rows = [{v.host: scale.to(v.value) for v in i.levels.get(metric, ())} for i in baseline]
    rows = [row for row in rows if row]
    if len(rows) < 2:
        return None
    centred = [{h: y - float(np.mean(list(row.values()))) for h, y in row.items()} for row in rows]
    per_host: dict[str, list[float]] = {}
    for row in centred:
        for host, value in row.items():
            per_host.setdefault(host, []).append(value)
    spreads = [float(np.var(values, ddof=1)) for values in per_host.values() if len(values) > 1]
    return math.sqrt(float(np.mean(spreads))) if spreads else None
