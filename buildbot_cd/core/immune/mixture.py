# SPDX-License-Identifier: GPL-2.0-only
"""Mixtures of likelihood ratios, in log space: the e-values behind both kinds of metric.

Sources: Robbins' method of mixtures; the one-sided normal mixture is in Howard, Ramdas, McAuliffe and Sekhon,
Annals of Statistics 49 (2021); the conditional test of two Poisson streams in Lindon and Malek, NeurIPS 2022.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtri, stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = npt.NDArray[np.float64]

GRID_SIZE = 40
GRID: Vector = np.log(np.geomspace(1.02, 30.0, GRID_SIZE))
"""Logs of the factors beyond the null ratio that are mixed."""

_NEAR, _NEAR_SHARE = 0.4, 0.5
_near: Vector = np.exp(-GRID / _NEAR)
GRID_WEIGHTS: Vector = _NEAR_SHARE * _near / _near.sum() + (1 - _NEAR_SHARE) / GRID_SIZE
"""Their weights: most on the factors around 1.5, which are hard to see; the large ones show whatever they weigh."""

SIGNIFICANCE = 0.01
"""Tail in which few degrees of freedom are made good, where no smaller one is asked for."""

_FEW, _LOOKS = 10, 5
"""Under so many degrees of freedom the tail is made so much smaller: a watch looks often, and a handful of controls
must not be alike by chance even once. Ten hosts with two canaries showed the need, in simulation."""


def log_grid_mean(values: Vector) -> float:
    """Log of the weighted mean of exp(values), one value for each factor of the grid."""
    largest = float(values.max())
    return largest + math.log(float(np.dot(GRID_WEIGHTS, np.exp(values - largest))))


def log_mix(log_values: Sequence[float], weights: Sequence[float]) -> float:
    """Log of the weighted mean of exp(values); the weight that is missing to 1 stays on the value 1 (log 0)."""
    largest = max(0.0, *log_values)
    terms = [weight * math.exp(value - largest) for value, weight in zip(log_values, weights, strict=True)]
    rest = max(0.0, 1.0 - math.fsum(weights)) * math.exp(-largest)
    return largest + math.log(math.fsum([*terms, rest]))


def binomial_log_ratios(
    steps: Vector, null: float, canary: float, both: float, offset_canary: float, offset_control: float
) -> Vector:
    """Log likelihood ratios of one interval for each rate ratio `null * exp(step)` against `null`.

    Given `both` events in the two arms, the canaries' number is binomial with share rho A / (rho A + B), where A and B
    are the offsets (expected events of the arms at rho = 1): the common intensity cancels.
    """
    alternative = null * np.exp(steps) * offset_canary + offset_control
    change: Vector = np.asarray(np.log(alternative / (null * offset_canary + offset_control)), dtype=np.float64)
    return canary * steps - both * change


def poisson_log_ratios(steps: Vector, events: float, expected: float) -> Vector:
    """Log likelihood ratios of a Poisson number for means `expected * exp(step)` against `expected`."""
    return events * steps - expected * np.expm1(steps)


def half_normal_log_e(excess: float, variance: float, prior: float) -> float:
    """Log e-value of a sum `excess` whose mean is at most 0 under the null and whose variance is `variance`.

    `prior` (> 0) is the variance at which the mixture is most sensitive; it must not depend on the watch itself.
    """
    total = variance + prior
    return (
        math.log(2)
        + 0.5 * math.log(prior / total)
        + excess * excess / (2 * total)
        + float(log_ndtr(excess / math.sqrt(total)))
    )


@functools.lru_cache(maxsize=4096)
def small_sample_inflation(degrees: int, error: float = SIGNIFICANCE) -> float:
    """Factor on a variance that was estimated with few degrees of freedom: (t quantile / normal quantile) squared.

    error: the tail in which it is exact. Infinite without a degree of freedom: such an estimate says nothing.
    """
    if degrees < 1:
        return math.inf
    ratio = float(stdtrit(degrees, 1 - error)) / float(ndtri(1 - error))
    return ratio * ratio


def control_inflation(degrees: int, error: float) -> float:
    """The same for the variance between controls, which a watch looks at again and again."""
    return small_sample_inflation(degrees, error / _LOOKS if degrees < _FEW else error)
