# SPDX-License-Identifier: GPL-2.0-only
"""Watching metrics: the baseline before the switch, and the judge after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet import task

from buildbot_cd.core.immune.assemble import IntervalBuilder, MetricInput
from buildbot_cd.core.immune.interval import Interval
from buildbot_cd.core.immune.judge import Judge, judge_without_control
from buildbot_cd.core.immune.values import Bad, MetricKind, MetricSpec, Verdict, VerdictKind
from buildbot_cd.errors import SourceError
from buildbot_cd.sources.prometheus import PrometheusSource
from buildbot_cd.sources.scrape import ScrapeSource
from buildbot_cd.sources.snapshot import HostAddress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from buildbot_cd.config.immune import Immune, Metric
    from buildbot_cd.sources.snapshot import Source


@dataclass(frozen=True, slots=True)
class Arms:
    """Who is compared with whom: canary against control; without control, now against before."""

    canary: frozenset[str]
    control: frozenset[str]


class Watch:
    """One rollout's look at its metrics. Sampled every ``immune.source.every`` seconds of the reactor's clock."""

    def __init__(self, reactor: Any, immune: Immune, hosts: Sequence[HostAddress]) -> None:
        self.reactor, self.immune, self.hosts = reactor, immune, list(hosts)
        self.source = source_of(reactor, immune)
        self.builder = IntervalBuilder([input_of(metric) for metric in immune.metrics])

    async def close(self) -> None:
        """Give back what the source holds."""
        await self.source.close()

    async def sample(self) -> Interval:
        """One reading of all hosts; an outage of the provider is an interval that says so."""
        try:
            seen = await self.source.read(self.hosts)
        except SourceError as error:
            return self.builder.add(self.reactor.seconds(), {}, str(error))
        return self.builder.add(seen.time, seen.values)

    async def baseline(self, seconds: float) -> list[Interval]:
        """The window before the switch: what is normal for each host."""
        intervals = [await self.sample()]
        until = self.reactor.seconds() + seconds
        while self.reactor.seconds() < until:
            await self._pause()
            intervals.append(await self.sample())
        return intervals

    async def judge(
        self,
        arms: Arms,
        baseline: Sequence[Interval],
        seconds: float,
        told: Callable[[Interval, Verdict], Awaitable[None]],
    ) -> tuple[Judge, Verdict]:
        """Watch for so many seconds, or until a regression is found; ``told`` hears of every look."""
        judge = self._judge(arms, baseline, seconds)
        verdict = judge.verdict()
        until = self.reactor.seconds() + seconds
        while self.reactor.seconds() < until and verdict.kind is not VerdictKind.REGRESSION:
            await self._pause()
            interval = await self.sample()
            verdict = judge.observe(interval)
            await told(interval, verdict)
        return judge, verdict

    def _judge(self, arms: Arms, baseline: Sequence[Interval], seconds: float) -> Judge:
        specs = [spec_of(metric) for metric in self.immune.metrics]
        if not arms.control:
            return judge_without_control(specs, arms.canary, self.immune.false_alarm, baseline)
        looks = max(1, int(seconds / self.immune.source.every))
        return Judge(specs, arms.canary, arms.control, self.immune.false_alarm, baseline, expected_intervals=looks)

    def _pause(self) -> Any:
        return task.deferLater(self.reactor, self.immune.source.every)


def spec_of(metric: Metric) -> MetricSpec:
    """The judge's view of a metric in cd.yaml."""
    return MetricSpec(
        name=metric.name,
        kind=MetricKind.COUNT if metric.events is not None else MetricKind.LEVEL,
        bad=Bad(metric.bad),
        tolerance=metric.tolerance,
        weight=metric.weight,
        floor=metric.floor,
        shadow=metric.shadow,
    )


def input_of(metric: Metric) -> MetricInput:
    """Where the metric's numbers come from."""
    return MetricInput(metric.name, events=metric.events or "", per=metric.per or "", value=metric.value or "")


def source_of(reactor: Any, immune: Immune) -> Source:
    """The provider that cd.yaml names. The names of counters are kept as they stand there."""
    names = [name for metric in immune.metrics for name in (metric.events, metric.per, metric.value) if name]
    if immune.source.scrape is not None:
        return ScrapeSource(reactor, immune.source.scrape, names, timeout=immune.source.timeout)
    queries: Mapping[str, str] = {name: name for name in names}
    assert immune.source.prometheus is not None
    return PrometheusSource(
        reactor, immune.source.prometheus, queries, label=immune.source.host_label, timeout=immune.source.timeout
    )
