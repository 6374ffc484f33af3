# SPDX-License-Identifier: GPL-2.0-only
"""The production judge, fed as the watch feeds it: counters through the interval builder, one look a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.immune.fleets import SAMPLE_SECONDS, Watch
from buildbot_cd.core.immune import (
    Bad,
    Interval,
    IntervalBuilder,
    Judge,
    MetricInput,
    MetricKind,
    MetricSpec,
    Reading,
    VerdictKind,
)


@dataclass(frozen=True)
class Outcome:
    """The minute after the switch in which a rollback was called (None: never), and the CPU seconds of a look."""

    minute: int | None
    cpu: float
    kind: VerdictKind


def judge_watch(watch: Watch, alpha: float, tolerance: float) -> Outcome:
    """One watch from the baseline to the verdict."""
    s = watch.scenario
    names = [f"h{host:04d}" for host in range(s.hosts)]
    intervals = _intervals(watch, names)
    canary = frozenset(name for name, chosen in zip(names, watch.canary, strict=True) if chosen)
    specs = [
        MetricSpec(
            f"m{metric}",
            MetricKind.LEVEL if s.level else MetricKind.COUNT,
            Bad.DOWN if s.down else Bad.UP,
            tolerance=tolerance,
        )
        for metric in range(s.metrics)
    ]
    looks = s.minutes - s.warmup
    judge = Judge(specs, canary, frozenset(names) - canary, alpha, intervals[: s.before], expected_intervals=looks)
    started = time.process_time()
    for look, interval in enumerate(intervals[s.before + s.warmup :], 1):
        verdict = judge.observe(interval)
        if verdict.kind is VerdictKind.REGRESSION:
            return Outcome(s.warmup + look, (time.process_time() - started) / look, verdict.kind)
    return Outcome(None, (time.process_time() - started) / looks, judge.verdict().kind)


def _intervals(watch: Watch, names: list[str]) -> list[Interval]:
    s = watch.scenario
    if s.level:
        inputs = [MetricInput(f"m{metric}", value=f"v{metric}") for metric in range(s.metrics)]
        columns = {f"v{metric}": watch.level[metric] for metric in range(s.metrics)}
    else:
        events, exposure = watch.counters
        inputs = [MetricInput(f"m{metric}", events=f"e{metric}", per="n") for metric in range(s.metrics)]
        columns = {"n": exposure[0], **{f"e{metric}": events[metric] for metric in range(s.metrics)}}
    if not s.level and not s.restarts and not s.missing:
        return _plain(watch, names)
    builder = IntervalBuilder(inputs)
    if not s.level:
        builder.add(0.0, {name: dict.fromkeys(columns, 0.0) for name in names})
    built = []
    rows = {key: column.tolist() for key, column in columns.items()}
    for minute in range(s.before + s.minutes):
        answered = watch.there[minute].tolist()
        values = {
            name: {key: row[minute][host] for key, row in rows.items()}
            for host, name in enumerate(names)
            if answered[host]
        }
        built.append(builder.add((minute + 1.0) * SAMPLE_SECONDS, values))
    return built


def _plain(watch: Watch, names: list[str]) -> list[Interval]:
    """Where no counter begins anew and no sample is lost the builder's result is known; this is it, faster."""
    s = watch.scenario
    everyone = frozenset(names)
    events, exposure = watch.events.tolist(), watch.exposure.tolist()
    built = []
    for minute in range(s.before + s.minutes):
        counts = {
            f"m{metric}": tuple(map(Reading, names, events[metric][minute], exposure[metric][minute]))
            for metric in range(s.metrics)
        }
        built.append(Interval(minute + 2, (minute + 1.0) * SAMPLE_SECONDS, counts, {}, everyone))
    return built
