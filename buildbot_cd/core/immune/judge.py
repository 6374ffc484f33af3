# SPDX-License-Identifier: GPL-2.0-only
"""The judge: takes in one interval at a time and can be asked for its verdict after each of them.

Looking often costs nothing: the e-values stay valid at every moment (Ville's inequality). Metrics are combined by the
weighted mean of their current e-values, which is an e-value under any dependence between them. All state derives from
the arguments and the intervals, so that the same record always gives the same verdict.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from buildbot_cd.core.immune.before_after import BeforeAfterProcess, SilentProcess
from buildbot_cd.core.immune.counts import CountProcess
from buildbot_cd.core.immune.guards import LevelGuard, ShareGuard, SilenceGuard
from buildbot_cd.core.immune.levels import LevelProcess
from buildbot_cd.core.immune.mixture import log_mix
from buildbot_cd.core.immune.reasons import explain_regression, explain_standing
from buildbot_cd.core.immune.seasonal import Season, SeasonalProcess
from buildbot_cd.core.immune.silence import SILENCE_SHARE, SILENT_HOSTS, SilenceProcess
from buildbot_cd.core.immune.values import MetricEvidence, MetricKind, MetricSpec, Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from buildbot_cd.core.immune.interval import Interval

SAFE_ERROR = 0.05
"""Chance, per metric, that OK is said of a release that is worse than the harm margin."""

DOUBLING = 1.0
"""Default tolerance where there is no control group."""

_MISSING_AFTER = 3


class MetricProcess(Protocol):
    """What gathers the evidence on one metric."""

    spec: MetricSpec

    def observe(self, interval: Interval) -> None:
        """Take in one interval."""

    def evidence(self) -> MetricEvidence:
        """Where the metric stands now."""


class Judge:
    """Judges canary hosts against control hosts; without control hosts, against the window before the switch.

    specs: the metrics, names unique. canary, control: names of the hosts, disjoint, canary not empty. false_alarm: the
    chance, per watch, that a harmless release is called a regression. baseline: intervals of the same hosts before the
    switch. expected_intervals: length of the watch, for the outlook on what can be seen by its end. tolerance: without
    controls only, the least tolerance of every metric that past weeks (`seasons`) say nothing of.

    A regression, once found, stays the verdict. Raises ValueError for arguments that contradict each other.
    """

    def __init__(
        self,
        specs: Sequence[MetricSpec],
        canary: frozenset[str],
        control: frozenset[str],
        false_alarm: float,
        baseline: Iterable[Interval] = (),
        *,
        expected_intervals: int | None = None,
        tolerance: float = DOUBLING,
        seasons: Iterable[Season] = (),
    ) -> None:
        _check(specs, canary, control, false_alarm)
        self.specs, self.canary, self.control = tuple(specs), frozenset(canary), frozenset(control)
        self.false_alarm, self.expected_intervals, self.tolerance = false_alarm, expected_intervals, tolerance
        self.baseline = tuple(baseline)
        self.seasons = {one.metric: one for one in seasons}
        self.needed = -math.log(false_alarm)
        weighed = [spec for spec in specs if spec.judged and (control or not spec.aside)]
        total = sum(spec.weight for spec in weighed)
        silence = SILENCE_SHARE if self.control else 0.0
        self._weights = {spec.name: (1 - silence) * spec.weight / total for spec in weighed}
        self._processes: list[MetricProcess] = [self._process(spec) for spec in self.specs]
        if self.control:
            self._weights[SILENT_HOSTS] = silence
            needed = self.needed - math.log(silence)
            self._processes.append(SilenceProcess(self.canary, self.control, self.baseline, needed))
        self._aside = {SILENT_HOSTS, *(spec.name for spec in specs if spec.aside)}
        self._shares = [_guard(spec, self.canary, self.baseline) for spec in self.specs]
        self._silence = SilenceGuard(self.canary, self.control)
        self._last: Interval | None = None
        self._stopped = ""
        self._heard = 0
        self._final: Verdict | None = None
        self._now: tuple[MetricEvidence, ...] | None = None

    def observe(self, interval: Interval) -> Verdict:
        """Take in the next interval and say where things stand.

        An interval whose number is not above the last one's was already counted (or came too late) and is ignored.
        """
        if self._last is not None and interval.number <= self._last.number:
            return self.verdict()
        self._last = interval
        self._stopped = self._outage(interval)
        if self._final is None and not self._stopped:
            self._take(interval)
        return self.verdict()

    def verdict(self) -> Verdict:
        """The verdict on all intervals so far."""
        if self._final is not None:
            return self._final
        if self._stopped:
            return self._verdict(VerdictKind.PROVIDER_ERROR, self._stopped)
        metrics = self._evidence()
        judged = [metric for metric in metrics if metric.judged and metric.name not in self._aside]
        kind = self._standing(judged)
        return self._verdict(kind, explain_standing(kind, judged, self._heard, self.needed), metrics)

    def _take(self, interval: Interval) -> None:
        self._heard += 1
        for process in self._processes:
            process.observe(interval)
        self._now = None
        guards = [guard.observe(interval) for guard in self._shares] + [self._silence.observe(interval)]
        tripped = [reason for reason in guards if reason]
        metrics = self._evidence()
        if tripped:
            culprits = tuple(g.spec.name for g, reason in zip(self._shares, guards, strict=False) if reason)
            self._final = replace(
                self._verdict(VerdictKind.REGRESSION, "; ".join(tripped) + ".", metrics), culprits=culprits
            )
        elif self._combined(metrics) >= self.needed:
            culprits = self._culprits(metrics)
            reason = explain_regression(metrics, culprits, self.false_alarm, bool(self.control))
            self._final = replace(self._verdict(VerdictKind.REGRESSION, reason, metrics), culprits=culprits)

    def _process(self, spec: MetricSpec) -> MetricProcess:
        share = self._weights.get(spec.name, 1 / max(1, len(self._weights)))
        if not self.control:
            if spec.aside:  # a share of the traffic needs somebody else who has the rest
                return SilentProcess(spec, self.canary)
            if spec.name in self.seasons:
                return SeasonalProcess(spec, self.canary, self.seasons[spec.name], spec.tolerance)
            if spec.kind is MetricKind.LEVEL:
                return SilentProcess(spec, self.canary)
            tolerance = max(self.tolerance, spec.tolerance)
            return BeforeAfterProcess(spec, self.canary, self.baseline, tolerance, self.false_alarm * share)
        process = LevelProcess if spec.kind is MetricKind.LEVEL else CountProcess
        needed = self.needed - math.log(share)
        return process(spec, self.canary, self.control, self.baseline, needed, self.expected_intervals)

    def _outage(self, interval: Interval) -> str:
        if interval.provider_error:
            return f"The metrics could not be read: {interval.provider_error}; the clock of the watch stands still."
        if not interval.answered & (self.canary | self.control):
            return "No host of either arm answered, so nothing can be said; the clock of the watch stands still."
        return ""

    def _evidence(self) -> tuple[MetricEvidence, ...]:
        if self._now is None:
            self._now = tuple(process.evidence() for process in self._processes)
        return self._now

    def _combined(self, metrics: Iterable[MetricEvidence]) -> float:
        """Log of the weighted mean of the current e-values."""
        terms = [(m.counted, self._weights[m.name]) for m in metrics if m.name in self._weights]
        return log_mix([value for value, _ in terms], [weight for _, weight in terms]) if terms else 0.0

    def _culprits(self, metrics: Sequence[MetricEvidence]) -> tuple[str, ...]:
        scored = [(m.counted + math.log(self._weights[m.name]), m.name) for m in metrics if m.name in self._weights]
        alone = tuple(name for score, name in scored if score >= self.needed)
        return alone or (max(scored)[1],)

    def _standing(self, judged: Sequence[MetricEvidence]) -> VerdictKind:
        if not self._heard or (judged and all(metric.missing for metric in judged)):
            return VerdictKind.NO_DATA
        if self._heard >= _MISSING_AFTER and any(metric.missing for metric in judged):
            return VerdictKind.NO_DATA
        counts = {spec.name for spec in self.specs if spec.kind is MetricKind.COUNT}
        counted = [metric for metric in judged if metric.name in counts]
        known = self.expected_intervals is not None and self._heard >= min(_MISSING_AFTER, self.expected_intervals)
        if known and self.control and counted and all(metric.blind for metric in counted):
            return VerdictKind.INSUFFICIENT_TRAFFIC
        if judged and all(metric.log_safe >= -math.log(SAFE_ERROR) for metric in judged):
            return VerdictKind.OK
        return VerdictKind.UNDECIDED

    def _verdict(self, kind: VerdictKind, reason: str, metrics: tuple[MetricEvidence, ...] | None = None) -> Verdict:
        metrics = self._evidence() if metrics is None else metrics
        number, time = (self._last.number, self._last.time) if self._last else (None, None)
        return Verdict(kind, reason, metrics, self._combined(metrics), self.needed, number, time)


def judge_without_control(
    specs: Sequence[MetricSpec],
    hosts: frozenset[str],
    false_alarm: float,
    baseline: Iterable[Interval],
    *,
    tolerance: float = DOUBLING,
    seasons: Iterable[Season] = (),
) -> Judge:
    """A judge of the whole fleet after the last stage: now against the window before the switch.

    Weaker than a canary watch, and honest about it: only count metrics are judged, with a tolerance of at least a
    doubling (or halving), and weather that comes with the switch is taken for its effect. It never says OK. A metric
    with a season is compared with past weeks instead, levels too.
    """
    return Judge(specs, hosts, frozenset(), false_alarm, baseline, tolerance=tolerance, seasons=seasons)


def _guard(spec: MetricSpec, canary: frozenset[str], baseline: Sequence[Interval]) -> ShareGuard | LevelGuard:
    return (LevelGuard if spec.kind is MetricKind.LEVEL else ShareGuard)(spec, canary, baseline)


def _check(specs: Sequence[MetricSpec], canary: frozenset[str], control: frozenset[str], false_alarm: float) -> None:
    if not canary:
        raise ValueError("a watch needs at least one canary host")
    if both := canary & control:
        raise ValueError(f"hosts cannot be canary and control at once: {', '.join(sorted(both))}")
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm must lie between 0 and 1, not {false_alarm!r}")
    names = [spec.name for spec in specs]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"metrics are named twice: {', '.join(sorted(doubled))}")
