# SPDX-License-Identifier: GPL-2.0-only
"""How much more the control hosts differ from each other than pure chance would have it.

The statistic is cumulated over the watch: a host that is always a little worse makes it grow with time, as it must for
a test that is looked at again and again. A broken canary cannot widen its own error bar, since only controls enter.
"""

from __future__ import annotations

import math

import numpy as np

from buildbot_cd.core.immune.mixture import Vector, control_inflation


def phi_of(residual: Vector, expected: Vector, known: int, error: float) -> float:
    """max(1, m / (m - 1) * sum U_i^2 / sum E_i * small-sample inflation); infinite with fewer than 2 controls.

    residual, expected: per control host, cumulated events less what was expected, and what was. known: hosts that were
    heard at all. error: the chance at which the inflation is exact, see `control_inflation`.

    The ratio of sums, not the mean of ratios: the variance of an arm's total is what is needed, and a host with
    next to no expected events cannot upset it.
    """
    used = expected > 0
    m = int(np.count_nonzero(used))
    if m == 0:
        # Controls without one event: nothing contradicts pure chance, if there are enough hosts to say so.
        return max(1.0, control_inflation(known - 1, error))
    if m < 2:
        return math.inf
    mean = float(np.sum(residual[used] ** 2)) / float(np.sum(expected[used]))
    return max(1.0, m / (m - 1) * mean * control_inflation(m - 1, error))
