# SPDX-License-Identifier: GPL-2.0-only
"""A metric configuration played over the past: how often it would have cried wolf, and what it would have seen.

The past is cut into watches. In each of them some hosts, drawn by chance, stand for canaries: nothing was released,
so every alarm is a false one. Then harm is put into the same hosts' numbers, and every alarm is a right one.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import betaincinv

from buildbot_cd.core.immune.interval import Interval, Level, Reading
from buildbot_cd.core.immune.judge import Judge
from buildbot_cd.core.immune.values import Bad, MetricSpec, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Plan:
    """How the past is cut: intervals of a baseline window and of a watch, canaries a watch, draws of canaries for each
    watch, and the seed of all chance.
    """

    base: int
    watch: int
    canaries: int
    draws: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Alarm:
    """One watch that ended in a regression: when the watch began and how many intervals it took, and why."""

    time: float
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What became of all watches with the same harm put in. `metric` is empty where none was."""

    metric: str
    factor: float
    watches: int
    alarms: tuple[Alarm, ...]

    @property
    def share(self) -> float:
        """The part of the watches that ended in an alarm."""
        return len(self.alarms) / self.watches if self.watches else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Clopper and Pearson's interval at 95 % for that part."""
        k, n = len(self.alarms), self.watches
        low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
        high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
        return low, high

    @property
    def middle(self) -> float | None:
        """The median number of intervals until the alarm, over all watches; None where fewer than half had one."""
        times = [alarm.after for alarm in self.alarms]
        missed = [float("inf")] * (self.watches - len(times))
        middle = statistics.median([*times, *missed]) if self.watches else float("inf")
        return middle if middle < float("inf") else None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        alarms = [{"time": one.time, "after": one.after, "reason": one.reason} for one in self.alarms]
        return {
            "metric": self.metric,
            "factor": self.factor,
            "watches": self.watches,
            "share": self.share,
            "bounds": list(self.bounds),
            "median_intervals": self.middle,
            "alarms": alarms,
        }


def backtest(
    past: Sequence[Interval],
    specs: Sequence[MetricSpec],
    false_alarm: float,
    plan: Plan,
    effects: Mapping[str, Sequence[float]],
) -> tuple[Found, ...]:
    """First without harm, then for each factor in `effects` (by metric). ValueError where the past is too short."""
    hosts = sorted({host for interval in past for host in interval.answered})
    if len(past) < plan.base + plan.watch:
        raise ValueError(f"the past holds {len(past)} intervals; a baseline and a watch need {plan.base + plan.watch}")
    if not 0 < plan.canaries < len(hosts):
        raise ValueError(f"{plan.canaries} canaries cannot be drawn from {len(hosts)} hosts with a control group left")
    results = [_play(past, specs, false_alarm, plan, hosts, None, 1.0)]
    by_name = {spec.name: spec for spec in specs}
    for name, factors in effects.items():
        results += [_play(past, specs, false_alarm, plan, hosts, by_name[name], factor) for factor in factors]
    return tuple(results)


def _play(
    past: Sequence[Interval],
    specs: Sequence[MetricSpec],
    false_alarm: float,
    plan: Plan,
    hosts: Sequence[str],
    harmed: MetricSpec | None,
    factor: float,
) -> Found:
    alarms = []
    watches = 0
    for start, canary, chance in _draws(len(past), plan, hosts):
        base = past[start : start + plan.base]
        control = frozenset(hosts) - canary
        judge = Judge(specs, canary, control, false_alarm, base, expected_intervals=plan.watch)
        watches += 1
        for after, interval in enumerate(past[start + plan.base : start + plan.base + plan.watch], 1):
            seen = interval if harmed is None else with_harm(interval, canary, harmed, factor, chance)
            verdict = judge.observe(seen)
            if verdict.kind is VerdictKind.REGRESSION:
                alarms.append(Alarm(base[-1].time, after, verdict.reason))
                break
    return Found(harmed.name if harmed else "", factor, watches, tuple(alarms))


def _draws(length: int, plan: Plan, hosts: Sequence[str]) -> Iterator[tuple[int, frozenset[str], np.random.Generator]]:
    """The beginnings of the watches, one behind the other, each with its canaries and its own source of chance."""
    for start in range(0, length - plan.base - plan.watch + 1, plan.watch):
        for draw in range(plan.draws):
            chance = np.random.default_rng([plan.seed, start, draw])
            chosen = chance.choice(len(hosts), plan.canaries, replace=False)
            yield start, frozenset(hosts[place] for place in chosen), chance


def with_harm(
    interval: Interval, canary: frozenset[str], spec: MetricSpec, factor: float, chance: np.random.Generator
) -> Interval:
    """The interval as it would have been had the canaries `factor` times as many events, or as high a level.

    Events are added by Poisson's law and taken away one by one, so that the noise grows and shrinks with them.
    """
    counts = dict(interval.counts)
    levels = dict(interval.levels)
    if spec.name in counts:
        counts[spec.name] = tuple(
            replace(r, events=_changed(r, factor, chance)) if r.host in canary else r for r in counts[spec.name]
        )
    if spec.name in levels:
        levels[spec.name] = tuple(Level(v.host, v.value * factor) if v.host in canary else v for v in levels[spec.name])
    return replace(interval, counts=counts, levels=levels)


def _changed(reading: Reading, factor: float, chance: np.random.Generator) -> float:
    if factor >= 1:
        return reading.events + float(chance.poisson((factor - 1) * reading.events))
    whole = int(reading.events)
    return float(chance.binomial(whole, factor)) + (reading.events - whole) * factor


def usual_effects(specs: Sequence[MetricSpec]) -> dict[str, tuple[float, ...]]:
    """What is tried where nothing else is asked for: half as much again and twice as much, or 30 % and 50 % less."""
    judged = [spec for spec in specs if spec.judged and not spec.aside]
    return {spec.name: (1.5, 2.0) if spec.bad is Bad.UP else (0.7, 0.5) for spec in judged}
