# SPDX-License-Identifier: GPL-2.0-only
"""Watching metrics: the baseline before the switch, and the judge after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet import task

from buildbot_cd.core.immune.assemble import IntervalBuilder
from buildbot_cd.core.immune.foresight import Foresight, foresee
from buildbot_cd.core.immune.interval import Interval
from buildbot_cd.core.immune.judge import Judge, judge_without_control
from buildbot_cd.core.immune.seasonal import Season
from buildbot_cd.core.immune.values import Verdict, VerdictKind
from buildbot_cd.engine.history import seasons
from buildbot_cd.engine.providers import inputs_of, source_of, specs_of
from buildbot_cd.errors import SourceError
from buildbot_cd.sources.snapshot import HostAddress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from buildbot_cd.config.immune import Immune
    from buildbot_cd.engine.history import Span


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
        self.builder = IntervalBuilder(inputs_of(immune))
        self.specs = specs_of(immune)

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
        beat = _Beat(self.reactor, self.immune.source.every)
        intervals = [await self.sample()]
        while beat.passed < seconds:
            await beat.next()
            intervals.append(await self.sample())
        return intervals

    def go_on(self, had: Sequence[Interval]) -> None:
        """Number on behind what was seen before an interruption; the next reading only sets the marks."""
        self.builder = IntervalBuilder(inputs_of(self.immune), had[-1].number if had else 0)

    async def warm_up(self) -> None:
        """Let the warm-up pass, then set the marks: counters of restarted hosts begin anew."""
        if self.immune.warmup:
            await task.deferLater(self.reactor, self.immune.warmup)
        await self.sample()

    def foresee(self, arms: Arms, baseline: Sequence[Interval], seconds: float) -> tuple[Foresight, ...]:
        """What a watch of so many seconds will be able to see."""
        return foresee(self.specs, arms.canary, arms.control, self.immune.false_alarm, baseline, watch=seconds)

    async def past(self, seconds: float, apart: Sequence[Span] = ()) -> tuple[list[Season], list[str]]:
        """What past weeks say of a watch of so many seconds that begins now, and sentences about what they do not.

        ``apart`` are times that were not as usual.
        """
        now = self.reactor.seconds()
        try:
            return await seasons(self.reactor, self.immune, len(self.hosts), now, seconds, apart)
        except SourceError as error:
            return [], [f"past weeks could not be read: {error}"]

    def judge(self, arms: Arms, baseline: Sequence[Interval], seconds: float, past: Sequence[Season] = ()) -> Judge:
        """The judge of a watch of so many seconds; `past` serves it where there are no controls."""
        if not arms.control:
            return judge_without_control(self.specs, arms.canary, self.immune.false_alarm, baseline, seasons=past)
        looks = max(1, int(seconds / self.immune.source.every))
        return Judge(self.specs, arms.canary, arms.control, self.immune.false_alarm, baseline, expected_intervals=looks)

    async def run(
        self,
        judge: Judge,
        seconds: float,
        told: Callable[[Interval, Verdict], Awaitable[None]],
        among: Callable[[], Awaitable[frozenset[str]]] | None = None,
        had: Sequence[Interval] = (),
    ) -> Verdict:
        """Watch for so many seconds, or until the answer is known; ``told`` hears of every look.

        Time without an answer from the source does not count, up to ``immune.outage`` in all. ``among`` names the hosts
        that still count, before each look is judged; when there are none, the watch ends. ``had`` is what the judge had
        seen before the watch was interrupted: it counts, and the time in which nobody watched does not.
        """
        verdict = judge.verdict()
        limits = Limits.of(self.immune, seconds)
        beat = _Beat(self.reactor, self.immune.source.every)
        stood = self.immune.source.every * sum(1 for one in had if one.provider_error)
        watched = self.immune.source.every * len(had) - stood
        while limits.go_on(verdict, watched, stood):
            before = beat.passed
            await beat.next()
            interval = await self.sample()
            if among is not None:
                left = await among()
                if not left:
                    break
                interval = interval.of(left)
            verdict = judge.observe(interval)
            if verdict.kind is VerdictKind.PROVIDER_ERROR:
                stood += beat.passed - before
            else:
                watched += beat.passed - before
            await told(interval, verdict)
        return verdict


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a watch goes on, in seconds: until `end`; where an action says so until `longest`; and from `early` on
    only while harm is not ruled out. `outage`: how long it stands still for the source, in all.
    """

    end: float
    longest: float
    early: float | None
    outage: float
    extended: frozenset[VerdictKind]

    @classmethod
    def of(cls, immune: Immune, seconds: float) -> Limits:
        """What cd.yaml says of a watch that is planned for so many seconds."""
        more = seconds if immune.extend is None else immune.extend
        extended = frozenset(kind for kind in VerdictKind if action_of(immune, kind) == "extend")
        return cls(seconds, seconds + more, immune.early, immune.outage, extended)

    def go_on(self, verdict: Verdict, watched: float, stood: float) -> bool:
        """Whether there is more to wait for."""
        if verdict.kind is VerdictKind.REGRESSION:
            return False
        if verdict.kind is VerdictKind.PROVIDER_ERROR:
            return stood < self.outage
        if verdict.kind is VerdictKind.OK and self.early is not None and watched >= self.early:
            return False
        return watched < (self.longest if verdict.kind in self.extended else self.end)


def action_of(immune: Immune, kind: VerdictKind) -> str:
    """What cd.yaml says follows from a verdict."""
    return str(getattr(immune.on, kind.value))


class _Beat:
    """Moments `every` seconds apart, whatever happens between them; those that were missed are left out."""

    def __init__(self, reactor: Any, every: float) -> None:
        self._reactor, self._every = reactor, every
        self._start: float = reactor.seconds()
        self._number = 0

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return float(self._reactor.seconds() - self._start)

    def next(self) -> Any:
        """A Deferred that fires at the next moment."""
        self._number = max(self._number, int(self.passed / self._every)) + 1
        return task.deferLater(self._reactor, max(0.0, self._number * self._every - self.passed))
