# SPDX-License-Identifier: GPL-2.0-only
"""Events per exposure against the window before the switch, for the watch of a whole fleet.

Weaker than a contrast with controls: what hits the fleet from outside at the same time looks like the release's doing.
It therefore asks for a generous tolerance (a doubling), and takes the uncertainty of the window into account.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv

from buildbot_cd.core.immune.counts import MIN_EVENTS
from buildbot_cd.core.immune.mixture import GRID, log_grid_mean, poisson_log_ratios, small_sample_inflation
from buildbot_cd.core.immune.prerate import PreRates, pre_rates
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval


class BeforeAfterProcess:
    """Evidence on one COUNT metric without a control group.

    `budget` is this metric's part of the false-alarm budget. Half of it goes to the chance that the window before gave
    a wrong idea of the usual rate: the null rate is its confidence bound in the bad direction. The other half is kept
    by halving the e-value. Exact for Poisson events at a steady rate; beyond that tempered by the dispersion of the
    window's intervals.
    """

    def __init__(
        self, spec: MetricSpec, hosts: frozenset[str], baseline: Sequence[Interval], tolerance: float, budget: float
    ) -> None:
        self.spec = spec
        self._hosts = hosts
        self._rates = pre_rates(spec.name, baseline)
        sign = 1 if spec.bad is Bad.UP else -1
        self._steps = sign * GRID
        self._null = _bound(spec, self._rates, budget / 2) * (1 + tolerance) ** sign
        self._phi = _interval_dispersion(spec.name, baseline, self._rates)
        self._now = np.zeros_like(GRID)
        self._events = self._exposure = self._usual = 0.0
        self._samples = 0
        self._seen = False

    def observe(self, interval: Interval) -> None:
        """Take in one interval."""
        readings = [r for r in interval.counts.get(self.spec.name, ()) if r.host in self._hosts]
        self._seen |= bool(readings)
        usual = sum(r.exposure * self._rates.of(r.host) for r in readings)
        if usual <= 0:
            return
        events = sum(r.events for r in readings)
        self._now += poisson_log_ratios(self._steps, events, self._null * usual)
        self._events += events
        self._exposure += sum(r.exposure for r in readings)
        self._usual += usual
        self._samples += 1

    def evidence(self) -> MetricEvidence:
        """Where this metric stands now; the control totals are those of the window before the switch."""
        log_e = log_grid_mean(self._now / self._phi) - math.log(2) if self._usable() else 0.0
        known = self._rates.known and self._usual > 0
        return MetricEvidence(
            name=self.spec.name,
            log_e=log_e,
            counted=log_e if self._worth_acting() else min(log_e, 0.0),
            ratio=self._events / self._usual if known else None,
            canary_total=self._events,
            canary_exposure=self._exposure,
            control_total=self._rates.events,
            control_exposure=self._rates.exposure,
            phi=self._phi if math.isfinite(self._phi) else 0.0,
            samples=self._samples,
            judged=self.spec.judged,
            missing=not self._seen,
            note="" if self._usable() else "no usable window before the switch to compare with",
        )

    def _usable(self) -> bool:
        return self._rates.exposure > 0 and self._null > 0 and math.isfinite(self._phi)

    def _worth_acting(self) -> bool:
        usual = self._usual if self._rates.known else 0.0
        excess = self._events - usual if self.spec.bad is Bad.UP else usual - self._events
        events = self._events if self.spec.bad is Bad.UP else usual
        rate = excess / self._exposure if self._exposure > 0 else 0.0
        return events >= MIN_EVENTS and rate >= self.spec.floor


class SilentProcess:
    """Stands in for a metric that cannot be judged without controls; says so."""

    def __init__(self, spec: MetricSpec, hosts: frozenset[str]) -> None:
        self.spec = spec
        self._hosts = hosts
        self._values: list[float] = []

    def observe(self, interval: Interval) -> None:
        """Take in one interval."""
        self._values += [v.value for v in interval.levels.get(self.spec.name, ()) if v.host in self._hosts]

    def evidence(self) -> MetricEvidence:
        """No evidence either way, and the mean level for people to read."""
        return MetricEvidence(
            name=self.spec.name,
            canary_total=math.fsum(self._values),
            canary_exposure=float(len(self._values)),
            judged=False,
            missing=not self._values,
            note=f"a {'share' if self.spec.aside else 'level'} is not judged without a control group",
        )


def _bound(spec: MetricSpec, rates: PreRates, error: float) -> float:
    """Confidence bound, in the bad direction, of the factor on `rates` that was true before the switch."""
    if rates.exposure <= 0:
        return 0.0
    if spec.bad is Bad.UP:
        events = float(gammaincinv(rates.events + 1, 1 - error))
    else:
        events = float(gammaincinv(rates.events, error)) if rates.events > 0 else 0.0
    # A window without events has rate 1 everywhere, so that its expected number is its exposure.
    return events / (rates.events if rates.known else rates.exposure)


def _interval_dispersion(metric: str, baseline: Sequence[Interval], rates: PreRates) -> float:
    """Variance of the fleet's events per interval over their mean, at least 1; infinite with under 3 intervals."""
    terms = []
    for interval in baseline:
        readings = interval.counts.get(metric, ())
        expected = sum(r.exposure * rates.of(r.host) for r in readings)
        if expected > 0:
            terms.append((sum(r.events for r in readings) - (expected if rates.known else 0.0)) ** 2 / expected)
    if len(terms) < 3:
        return math.inf
    return max(1.0, sum(terms) / (len(terms) - 1) * small_sample_inflation(len(terms) - 1))
