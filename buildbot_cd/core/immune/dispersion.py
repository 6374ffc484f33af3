# SPDX-License-Identifier: GPL-2.0-only
"""How much more the control hosts differ from each other than pure chance would have it.

The statistic is cumulated over the watch: a host that is always a little worse makes it grow with time, as it must for
a test that is looked at again and again. A broken canary cannot widen its own error bar, since only controls enter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.immune.mixture import small_sample_inflation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Reading
    from buildbot_cd.core.immune.prerate import PreRates


class Dispersion:
    """Cumulated residuals of the control hosts and their variance inflation factor phi."""

    def __init__(self, rates: PreRates) -> None:
        self._rates = rates
        self._residual: dict[str, float] = {}
        self._expected: dict[str, float] = {}

    def observe(self, controls: Sequence[Reading], events: float, offset: float) -> None:
        """Take in one interval of the controls; `events` and `offset` are their totals (offset > 0)."""
        fleet_factor = events / offset
        for reading in controls:
            expected = fleet_factor * reading.exposure * self._rates.of(reading.host)
            self._residual[reading.host] = self._residual.get(reading.host, 0.0) + reading.events - expected
            self._expected[reading.host] = self._expected.get(reading.host, 0.0) + expected

    def phi(self) -> float:
        """max(1, m / (m - 1) * sum U_i^2 / sum E_i * small-sample inflation); infinite with fewer than 2 controls.

        The ratio of sums, not the mean of ratios: the variance of an arm's total is what is needed, and a host with
        next to no expected events cannot upset it.
        """
        used = [host for host in sorted(self._expected) if self._expected[host] > 0]
        m = len(used)
        if m == 0:
            # Controls without one event: nothing contradicts pure chance, if there are enough hosts to say so.
            return max(1.0, small_sample_inflation(len(self._expected) - 1))
        if m < 2:
            return float("inf")
        mean = sum(self._residual[host] ** 2 for host in used) / sum(self._expected[host] for host in used)
        return max(1.0, m / (m - 1) * mean * small_sample_inflation(m - 1))
