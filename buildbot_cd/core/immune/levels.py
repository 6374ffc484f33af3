# SPDX-License-Identifier: GPL-2.0-only
"""The e-process for levels: latency, load, CPU.

Readings are taken relative to the controls' mean of the same interval, corrected by each host's own level before the
switch with a slope that the controls provide (CUPED), and cumulated per host. The spread of the controls' cumulated
values is the null variance, so neither autocorrelation nor lasting differences between hosts raise false alarms. The
slope's own uncertainty counts, as in an analysis of covariance: canaries that were far from the controls before the
switch are compared less surely. What controls have once been apart counts on: sums of readings only get further apart,
and a handful of hosts that are alike for a moment must not make the canaries look strange.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from buildbot_cd.core.immune.bounds import shift_margin
from buildbot_cd.core.immune.mixture import (
    SIGNIFICANCE,
    Vector,
    half_normal_log_e,
    log_mix,
    small_sample_inflation,
)
from buildbot_cd.core.immune.restarts import Schedule
from buildbot_cd.core.immune.scale import LevelScale, prior_levels
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval

_SENSITIVE_AFTER = 5
"""Samples after which the mixture is tuned to be most sensitive."""

_LOOKS = 3
"""A watch looks at the spread of the controls again and again, which for few of them is as good as so many independent
looks: the tail in which their number is made good is so much smaller. Simulated for 3 to 36 controls."""

_ALIKE = 1e-9
"""Levels before the switch that differ relatively by less have no slope."""


@dataclass(slots=True)
class _Standing:
    """Sums and numbers of readings by host, canaries first; and what tolerance and harm add up to per canary."""

    sums: Vector
    numbers: Vector
    tolerated: float = 0.0
    harmful: float = 0.0

    def since(self, before: _Standing) -> _Standing:
        return _Standing(
            self.sums - before.sums,
            self.numbers - before.numbers,
            self.tolerated - before.tolerated,
            self.harmful - before.harmful,
        )


@dataclass(frozen=True, slots=True)
class _Weighed:
    log_e: float = 0.0
    log_safe: float = 0.0
    variance: float = 1.0
    shift: float = 0.0
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class _Fit:
    """Each host's sum after correction by its level before the switch, and how sure the correction is.

    away: n_i (b_i - bbar), what the slope is multiplied with. unsure: the slope's variance where a host's sum has
    variance 1. slopes: how many were fitted: each takes a degree of freedom.
    """

    residual: Vector
    away: Vector
    unsure: float = 0.0
    slopes: int = 0


class LevelProcess:
    """Evidence on one LEVEL metric, gathered interval by interval.

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
        self._canaries = len(canary)
        hosts = [*sorted(canary), *sorted(control)]
        self._place = {host: place for place, host in enumerate(hosts)}
        self._scale = LevelScale.of(spec, baseline)
        prior = prior_levels(spec.name, baseline, self._scale)
        self._prior = np.array([prior.get(host, np.nan) for host in hosts], dtype=np.float64)
        self._error = min(SIGNIFICANCE, float(np.exp(-needed)))
        self._schedule = Schedule.of(expected)
        self._now = self._none(hosts)
        self._marks = [self._none(hosts)]
        self._spreads = [0.0]
        self._windows: list[_Weighed] = []
        self._raw = np.zeros((2, 2))
        self._samples = 0
        self._seen_canary = self._seen_control = False

    @staticmethod
    def _none(hosts: Sequence[str]) -> _Standing:
        return _Standing(np.zeros(len(hosts)), np.zeros(len(hosts)))

    def observe(self, interval: Interval) -> None:
        """Take in one interval; an interval without readings of both arms adds nothing."""
        known = [level for level in interval.levels.get(self.spec.name, ()) if level.host in self._place]
        places = np.array([self._place[level.host] for level in known], dtype=np.int64)
        canary = places < self._canaries
        self._seen_canary |= bool(canary.any())
        self._seen_control |= bool((~canary).any())
        if not canary.any() or canary.all():
            return
        values = np.array([level.value for level in known])
        y = self._scale.winsorised(values, ~canary)
        centre = float(np.mean(y[~canary]))
        self._now.sums[places] += y - centre
        self._now.numbers[places] += 1
        number = int(np.count_nonzero(canary))
        for arm, chosen in enumerate((canary, ~canary)):
            self._raw[arm] += (float(values[chosen].sum()), float(np.count_nonzero(chosen)))
        self._now.tolerated += number * self._scale.change(self.spec.null_ratio, centre)
        self._now.harmful += number * self._scale.change(self.spec.harm_ratio, centre)
        self._samples += 1
        if self._samples in self._schedule.after:
            self._marks.append(self._now.since(self._marks[0]))  # a copy: the first mark is all zero
            self._spreads.append(0.0)
        self._windows = [self._weigh(place, self._now.since(mark)) for place, mark in enumerate(self._marks)]

    def evidence(self) -> MetricEvidence:
        """Where this metric stands now."""
        (canary_sum, canary_n), (control_sum, control_n) = self._raw.tolist()
        controls = int(np.count_nonzero(self._now.numbers[self._canaries :]))
        common = MetricEvidence(
            name=self.spec.name,
            canary_total=canary_sum,
            canary_exposure=canary_n,
            control_total=control_sum,
            control_exposure=control_n,
            samples=self._samples,
            judged=self.spec.judged,
            missing=not (self._seen_canary and self._seen_control),
            note=self._note(controls),
        )
        if not self._samples or controls < 3:
            return common
        return self._judged(common, control_sum / control_n)

    def _judged(self, common: MetricEvidence, level: float) -> MetricEvidence:
        weights = [self._schedule.first, *self._schedule.weights]
        windows = self._windows
        counted = [
            w.log_e if abs(self._scale.absolute(w.shift, level)) >= self.spec.floor else min(w.log_e, 0.0)
            for w in windows
        ]
        used = weights[: len(windows)]
        whole = windows[0]
        return replace(
            common,
            log_e=log_mix([w.log_e for w in windows], used),
            counted=log_mix(counted, used),
            log_safe=whole.log_safe,
            ratio=self._scale.ratio(whole.shift, level),
            low=self._scale.ratio(whole.shift - whole.margin, level),
            high=self._scale.ratio(whole.shift + whole.margin, level),
            phi=whole.variance,
        )

    def _weigh(self, place: int, window: _Standing) -> _Weighed:
        """The contrast of the arms since a mark, the `place`-th; nothing where that is too short to say anything."""
        there = window.numbers > 0
        canary = there.copy()
        canary[self._canaries :] = False
        control = there & ~canary
        n, m = int(np.count_nonzero(canary)), int(np.count_nonzero(control))
        if not n or m < 3:
            return _Weighed()
        fit = self._fit(window, control)
        pooled = fit.residual[control]
        difference = float(np.mean(fit.residual[canary])) - float(np.mean(pooled))
        apart = float(np.mean(fit.away[canary])) - float(np.mean(fit.away[control]))
        inverse = 1 / n + 1 / m
        degrees = m - 1 - fit.slopes
        seen = float(np.sum((pooled - np.mean(pooled)) ** 2)) / degrees
        self._spreads[place] = max(self._spreads[place], seen)
        made_good = small_sample_inflation(degrees, self._error / _LOOKS)
        variance = self._spreads[place] * (inverse + apart**2 * fit.unsure) * made_good
        prior = _SENSITIVE_AFTER * self._scale.noise**2 * inverse
        sign = 1 if self.spec.bad is Bad.UP else -1
        return _Weighed(
            half_normal_log_e(sign * (difference - window.tolerated / n), variance, prior),
            half_normal_log_e(sign * (window.harmful / n - difference), variance, prior),
            variance,
            difference / float(np.mean(window.numbers[canary])),
            shift_margin(variance, prior) / float(np.mean(window.numbers[canary])),
        )

    def _fit(self, window: _Standing, control: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> _Fit:
        """U_i = C_i - theta n_i (b_i - bbar); a host without a baseline is taken as an average one."""
        none = _Fit(window.sums, np.zeros_like(window.sums))
        known = control & ~np.isnan(self._prior)
        if int(np.count_nonzero(known)) < 3:
            return none
        mean = float(np.mean(self._prior[known]))
        away = np.where(np.isnan(self._prior), 0.0, self._prior - mean)
        weighed = window.numbers * away
        if float(np.ptp(away[known])) <= _ALIKE * max(1.0, abs(mean)):
            return none
        spread = float(np.sum(weighed[known] * away[known]))
        theta = float(np.sum(away[known] * window.sums[known])) / spread
        unsure = float(np.sum(away[known] ** 2)) / spread**2
        return _Fit(window.sums - theta * weighed, weighed, unsure, 1)

    def _note(self, controls: int) -> str:
        if not self._seen_control:
            return "no control host reports it"
        if not self._seen_canary:
            return "no canary host reports it"
        if controls < 3:
            return "fewer than three control hosts: the noise between hosts cannot be measured"
        return "" if not np.isnan(self._prior).all() else "no baseline: all hosts were taken as equal"
