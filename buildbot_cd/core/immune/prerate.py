# SPDX-License-Identifier: GPL-2.0-only
"""Each host's own rate before the switch, shrunk towards the fleet's (empirical Bayes, gamma prior)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.immune.interval import Interval


@dataclass(frozen=True, slots=True)
class PreRates:
    """Relative rates of the hosts; `fleet` stands in for a host that was not seen before.

    Only ratios between hosts matter for a contrast, so a fleet without one event gets rate 1 everywhere
    (`known` is False then). events, exposure: the totals of the window.
    """

    fleet: float
    hosts: Mapping[str, float]
    events: float
    exposure: float

    @property
    def known(self) -> bool:
        """Whether the window held at least one event."""
        return self.events > 0

    def of(self, host: str) -> float:
        """The rate to expect of `host`, in events per unit of exposure."""
        return self.hosts.get(host, self.fleet)


def pre_rates(metric: str, baseline: Sequence[Interval]) -> PreRates:
    """Shrunk rates from the intervals before the switch.

    With rbar = sum X / sum R, the rate of host i is rbar + b_i (X_i / R_i - rbar), where b_i = c / (v + rbar / R_i): v
    is the variance of the hosts' rates in the window beyond chance, and c the part of it that lasts, which is the
    covariance between the first half of the window and the second. What a host had for a minute only would else be
    expected of it for ever. c has to exceed what chance makes of it by two deviations; without that all hosts get rbar:
    one or two rare events must not make their host look like one that has them always.
    """
    events, exposure = _totals(metric, baseline)
    total_events, total_exposure = sum(events.values()), sum(exposure.values())
    if total_events <= 0 or total_exposure <= 0:
        return PreRates(1.0, {}, 0.0, total_exposure)
    mean = total_events / total_exposure
    hosts = [host for host in sorted(exposure) if exposure[host] > 0]
    x = np.array([events[host] for host in hosts])
    r = np.array([exposure[host] for host in hosts])
    lasting = _lasting(metric, baseline, hosts, mean)
    if lasting <= 0:
        return PreRates(mean, {}, total_events, total_exposure)
    usual = mean * r
    spread = (float(np.sum((x - usual) ** 2)) - float(np.sum(usual * (1 - r / r.sum())))) / float(np.sum(r**2))
    share = lasting / (max(spread, lasting) + mean / r)
    rates = mean + share * (x / r - mean)
    return PreRates(mean, dict(zip(hosts, rates.tolist(), strict=True)), total_events, total_exposure)


def _lasting(metric: str, baseline: Sequence[Interval], hosts: Sequence[str], mean: float) -> float:
    """Covariance of the hosts' rates between the halves of the window, less two deviations of what chance makes it.

    The halves' own levels are taken out: weather that hits the fleet in one of them is no property of a host.
    """
    middle = (len(baseline) + 1) // 2
    residuals, expected, exposures = [], [], []
    for half in (baseline[:middle], baseline[middle:]):
        events, exposure = _totals(metric, half)
        r = np.array([exposure.get(host, 0.0) for host in hosts])
        x = np.array([events.get(host, 0.0) for host in hosts])
        own = x.sum() / r.sum() if r.sum() > 0 else mean
        residuals.append(x - own * r)
        expected.append(mean * r)
        exposures.append(r)
    product = float(np.sum(exposures[0] * exposures[1]))
    if product <= 0:
        return 0.0
    chance = 2 * math.sqrt(float(np.sum(expected[0] * expected[1])))
    return (float(np.sum(residuals[0] * residuals[1])) - chance) / product


def _totals(metric: str, baseline: Iterable[Interval]) -> tuple[dict[str, float], dict[str, float]]:
    events: dict[str, float] = {}
    exposure: dict[str, float] = {}
    for interval in baseline:
        for reading in interval.counts.get(metric, ()):
            events[reading.host] = events.get(reading.host, 0.0) + reading.events
            exposure[reading.host] = exposure.get(reading.host, 0.0) + reading.exposure
    return events, exposure
