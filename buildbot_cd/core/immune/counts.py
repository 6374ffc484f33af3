# SPDX-License-Identifier: GPL-2.0-only
"""The e-process for events per exposure: errors per request, signups per request.

Each interval compares the canaries' share of the events with the share that their traffic and each host's own rate
before the switch let expect. What hits the whole fleet cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from buildbot_cd.core.immune.dispersion import Dispersion
from buildbot_cd.core.immune.mixture import GRID, Vector, binomial_log_ratios, log_mean_exp, poisson_log_ratios
from buildbot_cd.core.immune.power import Outlook, is_blind, smallest_visible
from buildbot_cd.core.immune.prerate import pre_rates
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval, Reading

MIN_EVENTS = 3
"""Fewer events than this in the canaries (expected ones, where harm means losing them) never condemn a release."""


@dataclass(slots=True)
class _Arm:
    events: float = 0.0
    exposure: float = 0.0
    offset: float = 0.0

    def add(self, other: _Arm) -> None:
        self.events += other.events
        self.exposure += other.exposure
        self.offset += other.offset


class CountProcess:
    """Evidence on one COUNT metric, gathered interval by interval.

    needed: log e-value that this metric alone would have to reach. expected: intervals of the whole watch, if known.
    """

    def __init__(
        self,
        spec: MetricSpec,
        canary: frozenset[str],
        control: frozenset[str],
        baseline: Sequence[Interval],
        needed: float,
        expected: int | None = None,
    ) -> None:
        self.spec = spec
        self._canary, self._control = canary, control
        self._needed, self._expected = needed, expected
        self._rates = pre_rates(spec.name, baseline)
        self._dispersion = Dispersion(self._rates)
        self._steps: Vector = GRID if spec.bad is Bad.UP else -GRID
        self._harm = np.zeros_like(GRID)
        self._safe = np.zeros_like(GRID)
        self._rare = np.zeros_like(GRID)
        self._a, self._b = _Arm(), _Arm()
        self._samples = self._intervals = 0
        self._seen_canary = self._seen_control = False

    def observe(self, interval: Interval) -> None:
        """Take in one interval; hosts of neither arm are ignored."""
        readings = interval.counts.get(self.spec.name, ())
        canaries = [r for r in readings if r.host in self._canary]
        controls = [r for r in readings if r.host in self._control]
        self._intervals += 1
        self._seen_canary |= bool(canaries)
        self._seen_control |= bool(controls)
        a, b = self._arm(canaries), self._arm(controls)
        if b.offset > 0:
            self._dispersion.observe(controls, b.events, b.offset)
        if a.offset > 0 and b.offset > 0:
            self._contrast(a, b)

    def _arm(self, readings: Sequence[Reading]) -> _Arm:
        # Events without exposure (a request that ended in the next interval) still count.
        offset = sum(r.exposure * self._rates.of(r.host) for r in readings)
        return _Arm(sum(r.events for r in readings), sum(r.exposure for r in readings), offset)

    def _contrast(self, a: _Arm, b: _Arm) -> None:
        both = a.events + b.events
        args = (a.events, both, a.offset, b.offset)
        self._harm += binomial_log_ratios(self._steps, self.spec.null_ratio, *args)
        self._safe += binomial_log_ratios(-self._steps, self.spec.harm_ratio, *args)
        self._rare += poisson_log_ratios(-GRID, a.events, self.spec.floor * a.exposure)
        self._a.add(a)
        self._b.add(b)
        self._samples += 1

    def evidence(self) -> MetricEvidence:
        """Where this metric stands now."""
        phi = self._dispersion.phi()
        log_e = log_mean_exp(self._harm / phi)
        outlook = self._outlook(phi)
        return MetricEvidence(
            name=self.spec.name,
            log_e=log_e,
            counted=log_e if self._worth_acting() else min(log_e, 0.0),
            log_safe=self._log_safe(phi),
            ratio=self._ratio(),
            canary_total=self._a.events,
            canary_exposure=self._a.exposure,
            control_total=self._b.events,
            control_exposure=self._b.exposure,
            phi=phi if math.isfinite(phi) else 0.0,
            samples=self._samples,
            judged=self.spec.judged,
            blind=self._intervals > 0 and is_blind(self.spec, outlook, self._needed),
            missing=not (self._seen_canary and self._seen_control),
            visible=smallest_visible(self.spec, outlook, self._needed),
            note=self._note(phi),
        )

    def _ratio(self) -> float | None:
        denominator = self._b.events * self._a.offset
        return self._a.events * self._b.offset / denominator if denominator > 0 else None

    def _usual(self) -> float:
        """Events that the canaries would have had at the controls' rate."""
        return self._b.events * self._a.offset / self._b.offset if self._b.offset > 0 else 0.0

    def _worth_acting(self) -> bool:
        usual = self._usual()
        excess = self._a.events - usual if self.spec.bad is Bad.UP else usual - self._a.events
        events = self._a.events if self.spec.bad is Bad.UP else usual
        rate = excess / self._a.exposure if self._a.exposure > 0 else 0.0
        return events >= MIN_EVENTS and rate >= self.spec.floor

    def _log_safe(self, phi: float) -> float:
        safe = log_mean_exp(self._safe / phi)
        if self.spec.bad is Bad.UP and self.spec.floor > 0:
            # A rate shown to be below the floor is harmless whatever its ratio to the controls' rate. The mean of both
            # e-values is one for the release that fails in both ways, which alone is harmful.
            safe = log_mean_exp(np.array([safe, log_mean_exp(self._rare / phi)]))
        return safe

    def _outlook(self, phi: float) -> Outlook:
        scale = 1.0
        if self._expected is not None and self._intervals:
            scale = max(1.0, self._expected / self._intervals)
        a, b = self._a, self._b
        return Outlook(a.offset * scale, b.offset * scale, a.exposure * scale, b.events * scale, phi)

    def _note(self, phi: float) -> str:
        if not self._seen_control:
            return "no control host reports it"
        if not self._seen_canary:
            return "no canary host reports it"
        if not self._samples:
            return "no interval in which both canaries and controls had traffic"
        if not math.isfinite(phi):
            return "fewer than two control hosts: the noise between hosts cannot be measured"
        return "" if self._rates.known else "no event in the baseline window: all hosts were taken as equal"
