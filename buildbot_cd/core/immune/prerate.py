# SPDX-License-Identifier: GPL-2.0-only
"""Each host's own rate before the switch, shrunk towards the fleet's (empirical Bayes, gamma prior)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def pre_rates(metric: str, baseline: Iterable[Interval]) -> PreRates:
    """Shrunk rates from the intervals before the switch.

    With rbar = sum X / sum R and E_i = rbar R_i, chance alone makes sum (X_i - E_i)^2 about sum E_i, give or take
    sqrt(sum (E_i + 2 E_i^2)). What exceeds that by two such deviations is divided by sum R_i^2 and called v, the true
    variance between hosts; the rate of host i is (X_i + k rbar) / (R_i + k) with k = rbar / v. With v = 0 all hosts
    get rbar: one or two rare events must not make their host look like one that has them always.
    """
    events, exposure = _totals(metric, baseline)
    total_events, total_exposure = sum(events.values()), sum(exposure.values())
    if total_events <= 0 or total_exposure <= 0:
        return PreRates(1.0, {}, 0.0, total_exposure)
    mean = total_events / total_exposure
    hosts = [host for host in sorted(exposure) if exposure[host] > 0]
    x = np.array([events[host] for host in hosts])
    r = np.array([exposure[host] for host in hosts])
    usual = mean * r
    chance = float(np.sum(usual * (1 - r / r.sum()))) + 2 * float(np.sqrt(np.sum(usual + 2 * usual**2)))
    between = (float(np.sum((x - usual) ** 2)) - chance) / float(np.sum(r**2))
    if between <= 0:
        return PreRates(mean, {}, total_events, total_exposure)
    k = mean / between
    shrunk = (x + k * mean) / (r + k)
    return PreRates(mean, dict(zip(hosts, shrunk.tolist(), strict=True)), total_events, total_exposure)


def _totals(metric: str, baseline: Iterable[Interval]) -> tuple[dict[str, float], dict[str, float]]:
    events: dict[str, float] = {}
    exposure: dict[str, float] = {}
    for interval in baseline:
        for reading in interval.counts.get(metric, ()):
            events[reading.host] = events.get(reading.host, 0.0) + reading.events
            exposure[reading.host] = exposure.get(reading.host, 0.0) + reading.exposure
    return events, exposure
