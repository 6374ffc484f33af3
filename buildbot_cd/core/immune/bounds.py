# SPDX-License-Identifier: GPL-2.0-only
"""Between which ratios the truth lies, for people: every ratio that the evidence does not speak against.

Valid at the moment it is shown, however often one looked before; intervals of several moments must not be intersected,
since the truth may drift.
"""

from __future__ import annotations

import math

import numpy as np

from buildbot_cd.core.immune.mixture import GRID, GRID_WEIGHTS, Vector

CONFIDENCE = 0.95
_WIDE = 8.0
_STEPS = 161
_UNKNOWN = 5.0
"""Standard deviation of the log ratio beyond which nothing is known."""


def ratio_bounds(
    a: float, both: float, offset_canary: float, offset_control: float, phi: float
) -> tuple[float, float] | None:
    """Lowest and highest canary/control ratio that `a` of `both` events leave possible; None where nothing is known.

    The conditional test of the count process on the totals, against larger and against smaller ratios, half of the
    error each.
    """
    b = both - a
    if both <= 0 or offset_canary <= 0 or offset_control <= 0 or not math.isfinite(phi):
        return None
    centre = math.log((a + 0.5) * offset_control / ((b + 0.5) * offset_canary))
    spread = math.sqrt(phi * (1 / (a + 0.5) + 1 / (b + 0.5)))
    if spread > _UNKNOWN:
        return None
    candidates = np.exp(centre + np.linspace(-_WIDE, _WIDE, _STEPS) * spread)
    needed = math.log(2 / (1 - CONFIDENCE))
    above = _log_e(candidates, GRID, a, both, offset_canary, offset_control, phi) >= needed
    below = _log_e(candidates, -GRID, a, both, offset_canary, offset_control, phi) >= needed
    possible = candidates[~above & ~below]
    if not len(possible):
        return None
    return float(possible[0]) if a > 0 else 0.0, float(possible[-1]) if b > 0 else math.inf


def _log_e(
    ratios: Vector, steps: Vector, a: float, both: float, offset_canary: float, offset_control: float, phi: float
) -> Vector:
    """Log e-values against each ratio, of what is beyond it in the direction of the steps."""
    null = ratios[:, np.newaxis]
    change = np.log((null * np.exp(steps) * offset_canary + offset_control) / (null * offset_canary + offset_control))
    logs = (a * steps - both * change) / phi
    largest = logs.max(axis=1, keepdims=True)
    sums = np.exp(logs - largest) @ GRID_WEIGHTS
    return np.asarray(largest[:, 0] + np.log(sums), dtype=np.float64)


def shift_margin(variance: float, prior: float) -> float:
    """How far a cumulated difference may be from its mean: Robbins' two-sided normal mixture, inverted."""
    total = variance + prior
    return math.sqrt(total * (math.log(total / prior) + 2 * math.log(1 / (1 - CONFIDENCE))))
