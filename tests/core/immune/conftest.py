# SPDX-License-Identifier: GPL-2.0-only
"""A simulated fleet whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from buildbot_cd.core.immune import Interval, Judge, Level, Reading, Verdict, VerdictKind


@dataclass
class Fleet:
    """Hosts with traffic, errors, signups and a latency; what happens on the canaries after the switch can be chosen.

    requests, signups: per interval, fleet-wide. cv: spread of the hosts' own rates. errors, lost_signups, slower: what
    the canaries do after the switch (share of errors, share of signups lost, factor on the latency).
    """

    seed: int
    hosts: int = 40
    canaries: int = 4
    requests: float = 100.0
    signups: float = 5.0
    cv: float = 0.0
    base_errors: float = 0.002
    errors: float | None = None
    lost_signups: float = 0.0
    slower: float = 1.0
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.names = [f"h{i:03d}" for i in range(self.hosts)]
        chosen = self.rng.choice(self.names, self.canaries, replace=False).tolist()
        self.canary = frozenset(chosen)
        self.control = frozenset(self.names) - self.canary
        self._is_canary = np.array([name in self.canary for name in self.names])
        shape = 1 / self.cv**2 if self.cv else 0.0
        self._own = self.rng.gamma(shape, 1 / shape, self.hosts) if self.cv else np.ones(self.hosts)
        self._latency = 0.02 * np.exp(self.rng.normal(0, 0.1, self.hosts))
        self.number = 0

    def interval(self, *, switched: bool) -> Interval:
        """The next interval."""
        self.number += 1
        bad = self._is_canary & switched
        n = self.rng.poisson(self.requests / self.hosts, self.hosts)
        share = np.where(bad & (self.errors is not None), self.errors or 0.0, self.base_errors * self._own)
        errors = self.rng.binomial(n, np.minimum(1.0, share))
        signups = self.rng.poisson(self.signups / self.hosts * self._own * np.where(bad, 1 - self.lost_signups, 1.0))
        noise = np.exp(self.rng.normal(0, 0.3 / np.sqrt(np.maximum(n, 1))))
        latency = self._latency * np.where(bad, self.slower, 1.0) * noise
        counts = {
            "errors": tuple(map(Reading, self.names, errors.astype(float).tolist(), n.astype(float).tolist())),
            "signups": tuple(map(Reading, self.names, signups.astype(float).tolist(), n.astype(float).tolist())),
        }
        levels = {"latency": tuple(map(Level, self.names, latency.tolist()))}
        return Interval(self.number, float(self.number), counts, levels, frozenset(self.names))

    def baseline(self, intervals: int) -> list[Interval]:
        """Intervals before the switch."""
        return [self.interval(switched=False) for _ in range(intervals)]

    def watch(self, judge: Judge, intervals: int) -> tuple[int | None, Verdict]:
        """Feed a watch to `judge`; the interval in which a regression was called, if one was, and the verdict."""
        for passed in range(1, intervals + 1):
            verdict = judge.observe(self.interval(switched=True))
            if verdict.kind is VerdictKind.REGRESSION:
                return passed, verdict
        return None, judge.verdict()


@pytest.fixture
def make_fleet() -> type[Fleet]:
    """The simulated fleet."""
    return Fleet
