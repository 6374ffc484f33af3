# SPDX-License-Identifier: GPL-2.0-only
"""Kayenta's judge, written anew from its description: a confidence interval of the shift between two samples.

Mann-Whitney's statistic of (experiment - mu, control) with average ranks, tie correction and continuity correction is a
falling function of mu. The interval of the shift is where it lies between -z and +z; its centre, where it is 0, is the
Hodges-Lehmann estimate. "High" is said when the whole interval is above a quarter of the estimate and the ratio of the
means reaches the allowed increase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from bench.immune.fleets import Array

TOLERANCE = 0.25
CONFIDENCE = 0.98
ABSOLUTE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Shift:
    """Interval and estimate of the shift of experiment against control."""

    low: float
    estimate: float
    high: float


def shift(experiment: Array, control: Array) -> Shift:
    """The confidence interval at 98 % and the estimate; scaled so that the solver's absolute tolerance does no harm."""
    scale = float(np.mean(np.abs(np.concatenate([experiment, control])))) or 1.0
    x, y = experiment / scale, control / scale
    z = float(norm.ppf(1 - (1 - CONFIDENCE) / 2))
    low, estimate, high = (_root(x, y, level) for level in (z, 0.0, -z))
    return Shift(low * scale, estimate * scale, high * scale)


def _root(x: Array, y: Array, level: float) -> float:
    left, right = float(x.min() - y.max()) - 1e-3, float(x.max() - y.min()) + 1e-3

    def above(mu: float) -> float:
        return _standardised(x - mu, y, level) - level

    if above(left) <= 0:
        return left
    if above(right) >= 0:
        return right
    return float(brentq(above, left, right, xtol=ABSOLUTE_TOLERANCE, maxiter=1000))


def _standardised(x: Array, y: Array, level: float) -> float:
    n, m = len(x), len(y)
    ranks = rankdata(np.concatenate([x, y]))
    _, ties = np.unique(ranks, return_counts=True)
    total = n + m
    tied = float(np.sum(ties.astype(float) ** 3 - ties)) / (total * (total - 1))
    sigma = math.sqrt(n * m / 12 * (total + 1 - tied))
    correction = 0.5 * float(np.sign(level))
    away = float(ranks[:n].sum()) - n * (n + 1) / 2 - n * m / 2 - correction
    return away / sigma if sigma > 0 else 0.0


def label(experiment: Array, control: Array, allowed: float = 1.0, *, down: bool = False) -> tuple[bool, float]:
    """Whether the metric is High (Low for a metric that is bad when it falls), and the ratio of the means."""
    x, y = experiment[np.isfinite(experiment)], control[np.isfinite(control)]
    if len(x) == 0 or len(y) == 0 or np.array_equal(np.sort(x), np.sort(y)) or len(np.unique([*x, *y])) == 1:
        return False, 1.0
    found = shift(x, y)
    bound = TOLERANCE * abs(found.estimate)
    means = float(np.mean(x)), float(np.mean(y))
    ratio = means[0] / means[1] if 0.0 not in means else math.nan
    if down:
        return found.high < -bound and not ratio > allowed, ratio
    return found.low > bound and not ratio < allowed, ratio
