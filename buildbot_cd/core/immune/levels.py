# SPDX-License-Identifier: GPL-2.0-only
"""The e-process for levels: latency, load, CPU.

Readings are taken relative to the controls' mean of the same interval, corrected by each host's own level before the
switch with a slope that the controls provide (CUPED), and cumulated per host. The spread of the controls' cumulated
values is the null variance, so neither autocorrelation nor lasting differences between hosts raise false alarms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from buildbot_cd.core.immune.mixture import half_normal_log_e, small_sample_inflation
from buildbot_cd.core.immune.scale import LevelScale, prior_levels
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.immune.interval import Interval

_SENSITIVE_AFTER = 5
"""Samples after which the mixture is tuned to be most sensitive."""


class LevelProcess:
    """Evidence on one LEVEL metric, gathered interval by interval."""

    def __init__(
        self, spec: MetricSpec, canary: frozenset[str], control: frozenset[str], baseline: Sequence[Interval]
    ) -> None:
        self.spec = spec
        self._canary, self._control = canary, control
        self._scale = LevelScale.of(spec, baseline)
        self._prior = prior_levels(spec.name, baseline, self._scale)
        self._sum: dict[str, float] = {}
        self._number: dict[str, int] = {}
        self._tolerated = self._harmful = 0.0
        self._raw = {True: [0.0, 0.0], False: [0.0, 0.0]}
        self._samples = 0
        self._seen_canary = self._seen_control = False

    def observe(self, interval: Interval) -> None:
        """Take in one interval; an interval without readings of both arms adds nothing."""
        readings = {v.host: v.value for v in interval.levels.get(self.spec.name, ())}
        canaries = sorted(readings.keys() & self._canary)
        controls = sorted(readings.keys() & self._control)
        self._seen_canary |= bool(canaries)
        self._seen_control |= bool(controls)
        if not canaries or not controls:
            return
        y = self._scale.winsorised(readings, controls)
        centre = float(np.mean([y[host] for host in controls]))
        for host in canaries + controls:
            self._sum[host] = self._sum.get(host, 0.0) + y[host] - centre
            self._number[host] = self._number.get(host, 0) + 1
            raw = self._raw[host in self._canary]
            raw[0] += readings[host]
            raw[1] += 1
        self._tolerated += len(canaries) * self._scale.change(self.spec.null_ratio, centre)
        self._harmful += len(canaries) * self._scale.change(self.spec.harm_ratio, centre)
        self._samples += 1

    def evidence(self) -> MetricEvidence:
        """Where this metric stands now."""
        (canary_sum, canary_n), (control_sum, control_n) = self._raw[True], self._raw[False]
        common = MetricEvidence(
            name=self.spec.name,
            canary_total=canary_sum,
            canary_exposure=canary_n,
            control_total=control_sum,
            control_exposure=control_n,
            samples=self._samples,
            judged=self.spec.judged,
            missing=not (self._seen_canary and self._seen_control),
        )
        hosts = [host for host in sorted(self._control) if host in self._number]
        if not self._samples or len(hosts) < 3:
            return replace(common, note=self._note(len(hosts)))
        return self._weigh(common, hosts)

    def _weigh(self, common: MetricEvidence, controls: list[str]) -> MetricEvidence:
        canaries = [host for host in sorted(self._canary) if host in self._number]
        residual = self._residuals(canaries, controls)
        pooled = np.array([residual[host] for host in controls])
        difference = float(np.mean([residual[host] for host in canaries])) - float(np.mean(pooled))
        inverse = 1 / len(canaries) + 1 / len(controls)
        variance = float(np.var(pooled, ddof=1)) * inverse * small_sample_inflation(len(controls) - 2)
        prior = _SENSITIVE_AFTER * self._scale.noise**2 * inverse
        sign = 1 if self.spec.bad is Bad.UP else -1
        log_e = half_normal_log_e(sign * (difference - self._tolerated / len(canaries)), variance, prior)
        log_safe = half_normal_log_e(sign * (self._harmful / len(canaries) - difference), variance, prior)
        control_mean = common.control_total / common.control_exposure
        shift = difference / float(np.mean([self._number[host] for host in canaries]))
        ratio = self._scale.ratio(shift, control_mean)
        change = abs(self._scale.absolute(shift, control_mean))
        return replace(
            common,
            log_e=log_e,
            counted=log_e if change >= self.spec.floor else min(log_e, 0.0),
            log_safe=log_safe,
            ratio=ratio,
            phi=variance,
            note=self._note(len(controls)),
        )

    def _residuals(self, canaries: Sequence[str], controls: Sequence[str]) -> Mapping[str, float]:
        """U_i = C_i - theta n_i (b_i - bbar); a host without a baseline is taken as an average one."""
        known = [host for host in controls if host in self._prior]
        if len(known) < 3:
            return self._sum
        b = {host: self._prior[host] for host in self._number if host in self._prior}
        mean = float(np.mean([b[host] for host in known]))
        spread = sum(self._number[h] * (b[h] - mean) ** 2 for h in known)
        if spread <= 0:
            return self._sum
        theta = sum((b[h] - mean) * self._sum[h] for h in known) / spread
        return {h: self._sum[h] - theta * self._number[h] * (b.get(h, mean) - mean) for h in (*canaries, *controls)}

    def _note(self, controls: int) -> str:
        if not self._seen_control:
            return "no control host reports it"
        if not self._seen_canary:
            return "no canary host reports it"
        if controls < 3:
            return "fewer than three control hosts: the noise between hosts cannot be measured"
        return "" if self._prior else "no baseline: all hosts were taken as equal"
