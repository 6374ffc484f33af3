# SPDX-License-Identifier: GPL-2.0-only
"""How long tests take: learnt from what they took, guessed from their neighbours where nothing is known.

Durations of a test spread by factors, not by seconds, so the logarithm of milliseconds is kept: its mean and variance,
weighted towards the last ones. Only passed attempts are learnt from: a failing one ends early.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.core.dispatch.work import Work

FIRST_VARIANCE = 0.09
"""One observation tells nothing of the spread: take what suites show, a factor of exp(0.3)."""

MOST_VARIANCE = 2.0
"""A cold and a warm cache may lie thousands of times apart; unbounded, exp(variance / 2) would expect days of a minute,
and the first worker would take all that is left as its share. So no test is expected to take more than e times the
longest that it took."""

MOST_MILLISECONDS = 7 * 24 * 3600 * 1000.0
"""What took longer was no test; infinity would stay in the mean for ever."""

LEAST_DEVIATION = 0.05
"""Below this the clip would hold on to an old duration for ever."""

UNKNOWN_SECONDS = 1.0
"""A test of a suite of which nothing is known."""

_Z75 = 0.6745
"""The third quartile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``mean`` and ``variance`` of ln(milliseconds on a worker of speed 1), from ``n`` observations."""

    mean: float
    variance: float
    n: int

    @property
    def seconds(self) -> float:
        """The expected duration: the mean of a log-normal distribution, exp(mean + variance / 2)."""
        return math.exp(self.mean + self.variance / 2) / 1000

    @property
    def late_seconds(self) -> float:
        """What three of four runs stay under; the measure by which long tests go first."""
        return math.exp(self.mean + _Z75 * math.sqrt(self.variance)) / 1000

    def to_row(self) -> tuple[float, float, float]:
        """(n, mean, variance), as a store keeps them."""
        return float(self.n), self.mean, self.variance

    @classmethod
    def from_row(cls, row: tuple[float, float, float]) -> Estimate:
        """The estimate that `to_row` gave."""
        return cls(row[1], row[2], int(row[0]))


def updated(estimate: Estimate | None, seconds: float, log_speed: float = 0.0) -> Estimate:
    """The estimate after one more passed attempt that took so long, setup and teardown included.

    ``log_speed`` is ln of the worker's speed (1 is the pool's mean, 2 is twice as fast): a fast worker's time is
    stretched to that of an average one. From the sixth observation on, one counts for at most three deviations: an
    outlier moves little, a lasting change widens the variance and is followed within some nine runs, even by a test
    that was steady. What is no duration (not a number, or negative) counts as a millisecond.
    """
    x = math.log(min(max(1.0, seconds * 1000), MOST_MILLISECONDS)) + log_speed
    if estimate is None or estimate.n == 0:
        return Estimate(x, FIRST_VARIANCE, 1)
    if estimate.n >= 5:
        reach = 3 * max(math.sqrt(estimate.variance), LEAST_DEVIATION)
        x = min(max(x, estimate.mean - reach), estimate.mean + reach)
    weight = max(1 / (estimate.n + 1), 0.2)
    off = x - estimate.mean
    variance = min((1 - weight) * (estimate.variance + weight * off * off), MOST_VARIANCE)
    return Estimate(estimate.mean + weight * off, variance, estimate.n + 1)


def expected(works: Iterable[Work], estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """The expected seconds of every work, by nid.

    For an unseen test the third quartile of the seen ones in its file, else the median of those in its folder or the
    nearest one above (at last the whole suite), else `UNKNOWN_SECONDS`.
    """
    works = list(works)
    seen = {work.nid: estimates[work.nid].seconds for work in works if work.nid in estimates}
    if len(seen) == len(works):
        return seen
    guess = _Neighbours(works, seen)
    return {work.nid: seen[work.nid] if work.nid in seen else guess.of(work.path) for work in works}


class _Neighbours:
    """What tests nearby took."""

    def __init__(self, works: list[Work], seen: Mapping[str, float]) -> None:
        self._files: dict[str, list[float]] = {}
        self._folders: dict[str, list[float]] = {}
        for work in works:
            if work.nid in seen:
                self._files.setdefault(work.path, []).append(seen[work.nid])
                for folder in _folders(work.path):
                    self._folders.setdefault(folder, []).append(seen[work.nid])
        self._known: dict[str, float] = {}

    def of(self, path: str) -> float:
        """The guess for a test in this file."""
        if path not in self._known:
            self._known[path] = self._guess(path)
        return self._known[path]

    def _guess(self, path: str) -> float:
        if path in self._files:
            return quantile(self._files[path], 0.75)
        near = next((folder for folder in _folders(path) if folder in self._folders), None)
        return UNKNOWN_SECONDS if near is None else quantile(self._folders[near], 0.5)


def _folders(path: str) -> list[str]:
    """The folders that the file lies in, the nearest first, the top ("") last."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts), -1, -1)]


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed. There must be one."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
