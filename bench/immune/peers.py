# SPDX-License-Identifier: GPL-2.0-only
"""The rules that others use, as published, each as a path of scores over the minutes of a watch.

A rule rolls back at the first minute whose score reaches its threshold. The thresholds here are the rules' documented
defaults and are frozen: they were written down before the first run. For the comparison at a matched false-alarm rate
the threshold alone is replaced.

z-test, Welch test: one-sided, at 1 %, looked at every minute on all data since the switch.
Kayenta: a look every 5 minutes on the arms' rates by minute, High (or Low) and allowedIncrease 1.0 (its default); a
metric marked critical, so that one label decides.
Argo Rollouts: canary rate at most 1.2 times the stable rate, one measurement a minute, failureLimit 3: the fourth
failure aborts.
Flagger: success rate at least 99 % (a latency of at most 500 ms), interval one minute, threshold 5 as in its tutorial:
the fifth failed check rolls back.
IMVU 2009: a two-sample test of the hosts' rates after one minute and after five; which test was never published, so
Welch's at 1 % stands for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from bench.immune.fleets import Array, Watch
from bench.immune.kayenta import label

Z_AT_1_PERCENT = 2.3263478740408408
KAYENTA_EVERY = 5
ARGO_FAILURES = 4
FLAGGER_FAILURES = 5
FLAGGER_SECONDS = 0.5
IMVU_LOOKS = (1, 5)

Path = Callable[[Watch, int], Array]


@dataclass(frozen=True)
class Peer:
    """`path` gives a score for each minute after the switch, -inf where the rule does not look."""

    name: str
    path: Path
    default: float
    level_default: float | None = None

    def threshold(self, watch: Watch) -> float:
        """The rule's own threshold for this kind of metric."""
        if watch.scenario.level and self.level_default is not None:
            return self.level_default
        return self.default

    def scores(self, watch: Watch) -> Array:
        """The worst metric's score in each minute; minutes of the warm-up are not looked at."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.max([self.path(watch, metric) for metric in range(watch.scenario.metrics)], axis=0)


def caught(scores: Array, threshold: float, warmup: int) -> int | None:
    """The minute after the switch in which the rule rolls back, None if it never does."""
    reached = np.flatnonzero(scores >= threshold)
    return int(reached[0]) + 1 + warmup if len(reached) else None


def _after(watch: Watch, rows: Array) -> Array:
    return rows[watch.scenario.before + watch.scenario.warmup :]


def _sign(watch: Watch) -> float:
    return -1.0 if watch.scenario.down else 1.0


def _rates(watch: Watch, metric: int) -> tuple[Array, Array]:
    """The arms' rates (or mean levels) by minute: canaries, controls."""
    arms = []
    for chosen in (watch.canary, ~watch.canary):
        there = _after(watch, watch.there)[:, chosen]
        if watch.scenario.level:
            values = np.where(there, _after(watch, watch.level[metric])[:, chosen], 0.0)
            arms.append(values.sum(axis=1) / there.sum(axis=1))
        else:
            events = _after(watch, watch.events[metric])[:, chosen].sum(axis=1)
            arms.append(events / _after(watch, watch.exposure[metric])[:, chosen].sum(axis=1))
    return arms[0], arms[1]


def z_test(watch: Watch, metric: int) -> Array:
    """Two proportions, pooled, on everything since the switch; for levels the same as Welch's test."""
    if watch.scenario.level:
        return welch(watch, metric)
    totals = []
    for chosen in (watch.canary, ~watch.canary):
        events = _after(watch, watch.events[metric])[:, chosen].sum(axis=1).cumsum()
        totals.append((events, _after(watch, watch.exposure[metric])[:, chosen].sum(axis=1).cumsum()))
    (x, n), (y, m) = totals
    pooled = (x + y) / (n + m)
    z = (x / n - y / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return np.nan_to_num(_sign(watch) * z, nan=-np.inf)


def _readings(watch: Watch, metric: int) -> Array:
    """One number a host and minute; NaN where it is missing."""
    values = watch.level[metric] if watch.scenario.level else watch.events[metric] / watch.exposure[metric]
    return _after(watch, np.where(watch.there, values, np.nan))


def _welch(x: Array, y: Array) -> float:
    """One-sided Welch test as the normal deviate of its p value."""
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if len(x) < 2 or len(y) < 2:
        return -np.inf
    a, b = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if a + b <= 0:
        return -np.inf
    degrees = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1))
    statistic = (x.mean() - y.mean()) / np.sqrt(a + b)
    return float(-norm.ppf(max(t.sf(statistic, degrees), 1e-300)))


def welch(watch: Watch, metric: int) -> Array:
    """Welch's test on all server minutes since the switch."""
    values = _sign(watch) * _readings(watch, metric)
    x, y = values[:, watch.canary], values[:, ~watch.canary]
    return np.array([_welch(x[: k + 1].ravel(), y[: k + 1].ravel()) for k in range(len(values))])


def imvu(watch: Watch, metric: int) -> Array:
    """Welch's test on the hosts' own means, after one minute and after five."""
    values = _sign(watch) * _readings(watch, metric)
    scores = np.full(len(values), -np.inf)
    for look in IMVU_LOOKS:
        means = np.nanmean(values[:look], axis=0)
        scores[look - 1] = _welch(means[watch.canary], means[~watch.canary])
    return scores


def kayenta(watch: Watch, metric: int) -> Array:
    """The ratio of the means where Kayenta's judge labels the metric bad."""
    x, y = _rates(watch, metric)
    scores = np.full(len(x), -np.inf)
    for look in range(KAYENTA_EVERY, len(x) + 1, KAYENTA_EVERY):
        bad, ratio = label(x[:look], y[:look], down=watch.scenario.down)
        if bad:
            scores[look - 1] = np.inf if np.isnan(ratio) else ratio ** _sign(watch)
    return scores


def _nth_worst(values: Array, n: int) -> Array:
    """For each minute the n-th largest value so far: what a threshold must exceed for fewer than n failures."""
    values = np.nan_to_num(values, nan=-np.inf, posinf=np.inf)
    return np.array([np.sort(values[: k + 1])[-n] if k + 1 >= n else -np.inf for k in range(len(values))])


def argo(watch: Watch, metric: int) -> Array:
    """The fourth worst ratio of canary to stable, by minute."""
    x, y = _rates(watch, metric)
    return _nth_worst((x / y) ** _sign(watch), ARGO_FAILURES)


def flagger(watch: Watch, metric: int) -> Array:
    """The fifth worst share of errors (or latency) of the canaries."""
    return _nth_worst(_sign(watch) * _rates(watch, metric)[0], FLAGGER_FAILURES)


PEERS = (
    Peer("z-test", z_test, Z_AT_1_PERCENT),
    Peer("Welch test", welch, Z_AT_1_PERCENT),
    Peer("Kayenta", kayenta, 1.0),
    Peer("Argo Rollouts", argo, 1.2),
    Peer("Flagger", flagger, 0.01, FLAGGER_SECONDS),
    Peer("IMVU 2009", imvu, Z_AT_1_PERCENT),
)
