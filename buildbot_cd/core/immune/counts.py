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

from buildbot_cd.core.immune.bounds import ratio_bounds
from buildbot_cd.core.immune.dispersion import phi_of
from buildbot_cd.core.immune.mixture import (
    GRID,
    SIGNIFICANCE,
    Vector,
    binomial_log_ratios,
    log_grid_mean,
    log_mix,
    poisson_log_ratios,
)
from buildbot_cd.core.immune.power import Outlook, is_blind, smallest_visible
from buildbot_cd.core.immune.prerate import pre_rates
from buildbot_cd.core.immune.restarts import Schedule
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

    def since(self, before: _Arm) -> _Arm:
        return _Arm(self.events - before.events, self.exposure - before.exposure, self.offset - before.offset)


@dataclass(slots=True)
class _Standing:
    """What is cumulated: log likelihood ratios by grid point, residual and expectation by control host, both arms."""

    harm: Vector
    residual: Vector
    expected: Vector
    a: _Arm
    b: _Arm

    @classmethod
    def none(cls, controls: int) -> _Standing:
        return cls(np.zeros_like(GRID), np.zeros(controls), np.zeros(controls), _Arm(), _Arm())

    def since(self, before: _Standing) -> _Standing:
        return _Standing(
            self.harm - before.harm,
            self.residual - before.residual,
            self.expected - before.expected,
            self.a.since(before.a),
            self.b.since(before.b),
        )


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
        self._canary = canary
        self._place = {host: place for place, host in enumerate(sorted(control))}
        self._needed, self._expected = needed, expected
        self._error = min(SIGNIFICANCE, math.exp(-needed))
        self._rates = pre_rates(spec.name, baseline)
        self._control_rates = np.array([self._rates.of(host) for host in self._place], dtype=np.float64)
        self._steps: Vector = GRID if spec.bad is Bad.UP else -GRID
        self._schedule = Schedule.of(expected)
        self._now = _Standing.none(len(self._place))
        self._marks = [_Standing.none(len(self._place))]
        self._heard = np.zeros(len(self._place), dtype=bool)
        self._safe = np.zeros_like(GRID)
        self._rare = np.zeros_like(GRID)
        self._samples = self._intervals = 0
        self._seen_canary = False

    def observe(self, interval: Interval) -> None:
        """Take in one interval; hosts of neither arm are ignored."""
        readings = interval.counts.get(self.spec.name, ())
        canaries = [r for r in readings if r.host in self._canary]
        controls = [r for r in readings if r.host in self._place]
        self._intervals += 1
        self._seen_canary |= bool(canaries)
        a = _Arm(
            # Events without exposure (a request that ended in the next interval) still count.
            math.fsum(r.events for r in canaries),
            math.fsum(r.exposure for r in canaries),
            math.fsum(r.exposure * self._rates.of(r.host) for r in canaries),
        )
        b = self._take_controls(controls)
        if a.offset > 0 and b.offset > 0:
            self._contrast(a, b)

    def _take_controls(self, controls: Sequence[Reading]) -> _Arm:
        if not controls:
            return _Arm()
        places = np.array([self._place[r.host] for r in controls])
        events = np.array([r.events for r in controls])
        exposure = np.array([r.exposure for r in controls])
        offset = exposure * self._control_rates[places]
        self._heard[places] = True
        arm = _Arm(float(events.sum()), float(exposure.sum()), float(offset.sum()))
        if arm.offset > 0:
            usual = arm.events / arm.offset * offset
            self._now.residual[places] += events - usual
            self._now.expected[places] += usual
        return arm

    def _contrast(self, a: _Arm, b: _Arm) -> None:
        both = a.events + b.events
        args = (a.events, both, a.offset, b.offset)
        self._now.harm += binomial_log_ratios(self._steps, self.spec.null_ratio, *args)
        self._safe += binomial_log_ratios(-self._steps, self.spec.harm_ratio, *args)
        self._rare += poisson_log_ratios(-GRID, a.events, self.spec.floor * a.exposure)
        self._now.a.add(a)
        self._now.b.add(b)
        self._samples += 1
        if self._samples in self._schedule.after:
            self._marks.append(self._now.since(self._marks[0]))  # a copy: the first mark is all zero

    def _phi(self, window: _Standing) -> float:
        """Dispersion of the controls in a part of the watch."""
        return phi_of(window.residual, window.expected, int(np.count_nonzero(self._heard)), self._error)

    def _log_harm(self) -> tuple[float, float]:
        """Log e-value of harm, and as it counts: the whole watch, mixed with the processes that began later."""
        weights = [self._schedule.first, *self._schedule.weights]
        shown, counted = [], []
        for mark in self._marks:
            window = self._now.since(mark)
            log_e = log_grid_mean(window.harm / self._phi(window))
            shown.append(log_e)
            counted.append(log_e if self._worth_acting(window) else min(log_e, 0.0))
        used = weights[: len(shown)]
        return log_mix(shown, used), log_mix(counted, used)

    def evidence(self) -> MetricEvidence:
        """Where this metric stands now."""
        phi = self._phi(self._now)
        log_e, counted = self._log_harm()
        outlook = self._outlook(phi)
        low, high = self._bounds(phi)
        return MetricEvidence(
            name=self.spec.name,
            log_e=log_e,
            counted=counted,
            log_safe=self._log_safe(phi),
            ratio=self._ratio(),
            low=low,
            high=high,
            canary_total=self._now.a.events,
            canary_exposure=self._now.a.exposure,
            control_total=self._now.b.events,
            control_exposure=self._now.b.exposure,
            phi=phi if math.isfinite(phi) else 0.0,
            samples=self._samples,
            judged=self.spec.judged,
            blind=self._intervals > 0 and is_blind(self.spec, outlook, self._needed),
            missing=not (self._seen_canary and self._heard.any()),
            visible=smallest_visible(self.spec, outlook, self._needed),
            note=self._note(phi),
        )

    def _ratio(self) -> float | None:
        a, b = self._now.a, self._now.b
        denominator = b.events * a.offset
        return a.events * b.offset / denominator if denominator > 0 else None

    def _bounds(self, phi: float) -> tuple[float | None, float | None]:
        a, b = self._now.a, self._now.b
        found = ratio_bounds(a.events, a.events + b.events, a.offset, b.offset, phi)
        if found is None:
            return None, None
        return found[0], found[1] if math.isfinite(found[1]) else None

    def _worth_acting(self, window: _Standing) -> bool:
        a, b = window.a, window.b
        usual = b.events * a.offset / b.offset if b.offset > 0 else 0.0
        excess = a.events - usual if self.spec.bad is Bad.UP else usual - a.events
        events = a.events if self.spec.bad is Bad.UP else usual
        rate = excess / a.exposure if a.exposure > 0 else 0.0
        return events >= MIN_EVENTS and rate >= self.spec.floor

    def _log_safe(self, phi: float) -> float:
        safe = log_grid_mean(self._safe / phi)
        if self.spec.bad is Bad.UP and self.spec.floor > 0:
            # A rate shown to be below the floor is harmless whatever its ratio to the controls' rate. The mean of both
            # e-values is one for the release that fails in both ways, which alone is harmful.
            safe = log_mix([safe, log_grid_mean(self._rare / phi)], [0.5, 0.5])
        return safe

    def _outlook(self, phi: float) -> Outlook:
        scale = 1.0
        if self._expected is not None and self._intervals:
            scale = max(1.0, self._expected / self._intervals)
        a, b = self._now.a, self._now.b
        return Outlook(a.offset * scale, b.offset * scale, a.exposure * scale, b.events * scale, phi)

    def _note(self, phi: float) -> str:
        if not self._heard.any():
            return "no control host reports it"
        if not self._seen_canary:
            return "no canary host reports it"
        if not self._samples:
            return "no interval in which both canaries and controls had traffic"
        if not math.isfinite(phi):
            return "fewer than two control hosts: the noise between hosts cannot be measured"
        return "" if self._rates.known else "no event in the baseline window: all hosts were taken as equal"
