# SPDX-License-Identifier: GPL-2.0-only
"""Simulated fleets whose truth is known: uneven hosts, weather, restarts, gaps, and what a bad release does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SAMPLE_SECONDS = 60


@dataclass(frozen=True)
class Scenario:
    """One kind of fleet and release. Rates are per request; a sample is a minute.

    hosts, canaries: sizes. requests: per host and minute. base: share of requests that are events. cv: spread of the
    hosts' own rates. host_shock, host_memory: standard deviation and lag-1 correlation of each host's own log rate.
    fleet_shock: standard deviation of the log rate that all hosts share. ramp: factor on the traffic over the watch.
    shape: how the whole fleet's traffic goes, by minute; each watch takes a piece of it, scaled to `requests`.
    missing: chance that a host's sample is lost. restarts: chance per host and minute that its counters begin anew.
    warmup: minutes after the switch in which the canaries' rate is threefold, and which are not looked at. effect:
    factor on the canaries' rate (level). onset: minute after which it sets in; leak: it grows from there to the end.
    metrics: how many at once; the effect is on the first. tail: LEVEL: Student's degrees of freedom of the noise.
    """

    name: str
    hosts: int = 200
    canaries: int = 10
    requests: float = 600.0
    base: float = 0.005
    cv: float = 0.0
    host_shock: float = 0.0
    host_memory: float = 0.9
    fleet_shock: float = 0.0
    ramp: float = 1.0
    shape: tuple[float, ...] = ()
    missing: float = 0.0
    restarts: float = 0.0
    warmup: int = 0
    effect: float = 1.0
    onset: int = 0
    leak: bool = False
    metrics: int = 1
    level: bool = False
    tail: float = 0.0
    before: int = 10
    minutes: int = 30

    @property
    def harmless(self) -> bool:
        """Whether a rollback would be false."""
        return self.effect == 1.0

    @property
    def down(self) -> bool:
        """Whether the metric does harm by falling."""
        return self.effect < 1.0


@dataclass(frozen=True)
class Watch:
    """What was observed. Arrays are [metric, minute, host]; the first `before` minutes are before the switch.

    events, exposure: of each minute (COUNT); level: readings (LEVEL). there: which hosts answered. counters: cumulated
    events and exposure as the hosts export them, with resets. bad: events in excess of a harmless release, by minute.
    """

    scenario: Scenario
    canary: Mask
    events: Array
    exposure: Array
    level: Array
    there: Mask
    counters: tuple[Array, Array]
    bad: Array


def observe(scenario: Scenario, rng: np.random.Generator) -> Watch:
    """One watch, drawn from the scenario."""
    s = scenario
    canary = np.zeros(s.hosts, dtype=bool)
    canary[rng.choice(s.hosts, s.canaries, replace=False)] = True
    minutes = s.before + s.minutes
    relative = np.stack([_relative(s, rng, minutes) for _ in range(s.metrics)])
    factor = np.ones((s.metrics, minutes, s.hosts))
    factor[0] *= np.where(canary, _effect(s, minutes)[:, np.newaxis], 1.0)
    factor[:, s.before : s.before + s.warmup] *= np.where(canary, 3.0, 1.0)
    there = rng.random((minutes, s.hosts)) >= s.missing
    if s.level:
        none = np.zeros((s.metrics, minutes, s.hosts))
        level = 0.05 * relative * factor * _noise(s, rng, relative.shape)
        return Watch(s, canary, none, none, level, there, (none, none), none[0, :, 0])
    traffic = s.requests * _traffic(s, rng, minutes)[:, np.newaxis] * np.ones(s.hosts)
    exposure = np.broadcast_to(rng.poisson(traffic).astype(float), (s.metrics, minutes, s.hosts)).copy()
    share = np.minimum(1.0, s.base * relative * factor)
    events = rng.binomial(exposure.astype(np.int64), share).astype(float)
    harmless = exposure[0] * np.minimum(1.0, s.base * relative[0])
    excess = np.where(canary, exposure[0] * share[0] - harmless, 0.0).sum(axis=1)
    events, exposure, counters = _through_counters(s, rng, events, exposure, there)
    return Watch(s, canary, events, exposure, np.zeros_like(events), there, counters, np.abs(excess))


def _traffic(s: Scenario, rng: np.random.Generator, minutes: int) -> Array:
    """How the traffic of all hosts goes, by minute; 1 is usual."""
    course = np.linspace(1.0, s.ramp, minutes)
    if s.shape:
        whole = np.asarray(s.shape, dtype=np.float64)
        begin = int(rng.integers(len(whole) - minutes + 1))
        course = course * whole[begin : begin + minutes] / whole.mean()
    return course


def _relative(s: Scenario, rng: np.random.Generator, minutes: int) -> Array:
    own = rng.gamma(1 / s.cv**2, s.cv**2, s.hosts) if s.cv else np.ones(s.hosts)
    relative = np.broadcast_to(own, (minutes, s.hosts)).copy()
    if s.host_shock:
        state = rng.normal(0, s.host_shock, s.hosts)
        for minute in range(minutes):
            relative[minute] *= np.exp(state)
            fresh = rng.normal(0, s.host_shock * np.sqrt(1 - s.host_memory**2), s.hosts)
            state = s.host_memory * state + fresh
    if s.fleet_shock:
        relative *= np.exp(rng.normal(0, s.fleet_shock, minutes))[:, np.newaxis]
    return relative


def _effect(s: Scenario, minutes: int) -> Array:
    effect = np.ones(minutes)
    start = s.before + s.onset
    if s.leak:
        effect[start:] = np.exp(np.linspace(0.0, np.log(s.effect), minutes - start))
    else:
        effect[start:] = s.effect
    return effect


def _noise(s: Scenario, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(np.exp(0.1 * (rng.standard_t(s.tail, shape) if s.tail else rng.normal(size=shape))))


def _through_counters(
    s: Scenario, rng: np.random.Generator, events: Array, exposure: Array, there: Mask
) -> tuple[Array, Array, tuple[Array, Array]]:
    """Counters as hosts export them, and what a reader makes of them who handles resets but no gaps.

    A restart takes half of its minute with it. The canaries restart at the switch.
    """
    begins = rng.random(there.shape) < s.restarts
    kept = np.where(begins, 0.5, 1.0)
    events, exposure = np.floor(events * kept), np.floor(exposure * kept)
    cumulated = []
    for amounts in (events, exposure):
        counter = np.zeros_like(amounts)
        running = np.zeros(amounts[:, 0].shape)
        for minute in range(amounts.shape[1]):
            running = np.where(begins[minute], 0.0, running) + amounts[:, minute]
            counter[:, minute] = running
        cumulated.append(counter)
    seen = there[np.newaxis]
    return events * seen, exposure * seen, (cumulated[0], cumulated[1])
