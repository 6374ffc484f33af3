# SPDX-License-Identifier: GPL-2.0-only
"""What can be seen in this time with this traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from buildbot_cd.core.immune.mixture import GRID, GRID_WEIGHTS, Vector, binomial_log_ratios
from buildbot_cd.core.immune.values import Bad, MetricSpec

_FACTORS: Vector = np.geomspace(1.05, 1000.0, 100)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Expected totals at the end of the watch.

    offset_canary, offset_control: expected events of the arms if nothing changed, up to a common factor.
    exposure_canary: requests (or what the exposure is) of the canaries. control_events: events of the controls.
    """

    offset_canary: float
    offset_control: float
    exposure_canary: float
    control_events: float
    phi: float

    @property
    def usable(self) -> bool:
        """Whether there is anything to expect at all."""
        return self.offset_canary > 0 and self.offset_control > 0 and math.isfinite(self.phi)


def growth(spec: MetricSpec, canary_events: Vector, outlook: Outlook) -> Vector:
    """Expected log e-values when the canaries have so many events by the end of the watch, one for each number.

    It is the best grid point's log likelihood ratio over phi and what its weight costs, with twice that weight, since
    its neighbours see nearly as much: for many events n times the Kullback-Leibler divergence of Bin(pi(rho)) from
    Bin(pi0).
    """
    steps = GRID if spec.bad is Bad.UP else -GRID
    a, b = canary_events[:, np.newaxis], outlook.control_events
    # Linear in both numbers: the log ratio of one canary event, and of one event in either arm.
    each = binomial_log_ratios(steps, spec.null_ratio, 1.0, 0.0, outlook.offset_canary, outlook.offset_control)
    both = binomial_log_ratios(steps, spec.null_ratio, 0.0, 1.0, outlook.offset_canary, outlook.offset_control)
    by_factor = (a * each + (a + b) * both) / outlook.phi + np.log(2 * GRID_WEIGHTS)
    return np.asarray(np.max(by_factor, axis=1), dtype=np.float64)


def is_blind(spec: MetricSpec, outlook: Outlook, needed: float) -> bool:
    """Whether not even total harm would reach the log e-value `needed`.

    Total harm is no event at all in the canaries (bad DOWN) or one event per unit of exposure (bad UP).
    """
    worst = 0.0 if spec.bad is Bad.DOWN else outlook.exposure_canary
    return not outlook.usable or bool(growth(spec, np.array([worst]), outlook)[0] < needed)


def smallest_visible(spec: MetricSpec, outlook: Outlook, needed: float) -> float | None:
    """The mildest harmful canary/control ratio expected to reach `needed`, None when none up to 1000-fold does."""
    if not outlook.usable:
        return None
    usual = outlook.control_events * outlook.offset_canary / outlook.offset_control
    ratios = spec.null_ratio * (_FACTORS if spec.bad is Bad.UP else 1 / _FACTORS)
    enough = growth(spec, ratios * usual, outlook) >= needed
    return float(ratios[np.argmax(enough)]) if enough.any() else None
