# SPDX-License-Identifier: GPL-2.0-only
"""The watch's clock: what counts, what stands still, and when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from twisted.internet import defer, task

from buildbot_cd.config.immune import Immune
from buildbot_cd.core.immune import Interval, Verdict, VerdictKind, opening, reopen, replay
from buildbot_cd.engine.watch import Arms, Watch
from buildbot_cd.errors import SourceError
from buildbot_cd.sources import HostAddress, Snapshot

HOSTS = [HostAddress(f"h{n:02d}", f"10.0.0.{n}") for n in range(20)]
CANARY = frozenset(one.name for one in HOSTS[:5])
ARMS = Arms(CANARY, frozenset(one.name for one in HOSTS) - CANARY)
METRIC = {"name": "errors", "events": "errors_total", "per": "requests_total", "bad": "up", "tolerance": "10%"}


class Fleet:
    """A source: hosts whose counters grow with the clock. `bad`: errors a second on the canaries. `down`: it fails."""

    def __init__(self, clock: task.Clock) -> None:
        self.clock, self.bad, self.usual, self.requests = clock, 1.0, 1.0, 100.0
        self.down = self.mute = False
        self.slow = 0.0
        self.reads: list[float] = []
        self._last = 0.0
        self._sums: dict[str, list[float]] = {one.name: [0.0, 0.0] for one in HOSTS}

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """As a source does."""
        now = float(self.clock.seconds())
        self.reads.append(now)
        if self.slow:
            await task.deferLater(self.clock, self.slow)
        if self.down:
            raise SourceError("the server is away")
        for host, sums in self._sums.items():
            sums[0] += (now - self._last) * (self.bad if host in CANARY else self.usual)
            sums[1] += (now - self._last) * self.requests
        self._last = now
        names = ("other_total",) if self.mute else ("errors_total", "requests_total")
        return Snapshot(now, {host: dict(zip(names, sums, strict=False)) for host, sums in self._sums.items()})

    async def close(self) -> None:
        """As a source does."""
        self.reads.append(-1.0)


class Play:
    """A watch on a clock that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.clock = task.Clock()
        values = {"source": {"scrape": "http://{address}/metrics", "every": "1s"}, "metrics": [METRIC], **settings}
        self.immune = Immune.model_validate(values)
        self.watch = Watch(self.clock, self.immune, HOSTS)
        self.fleet = Fleet(self.clock)
        self.watch.source = self.fleet
        self.told: list[tuple[Interval, Verdict]] = []
        self.base = self.now(self.watch.baseline(10.0))
        self.judge = self.watch.judge(ARMS, self.base, 30.0)
        self.running: Any = None

    def now(self, coroutine: Any) -> Any:
        """The coroutine's result, with the clock moved until there is one."""
        running = defer.Deferred.fromCoroutine(coroutine)
        for _ in range(10_000):
            if running.called:
                return running.result
            self.clock.advance(0.5)
        raise AssertionError("it does not end")

    def start(self, seconds: float = 30.0) -> None:
        """Begin the watch."""
        self.running = defer.Deferred.fromCoroutine(self.watch.run(self.judge, seconds, self._hear))
        self.begun = float(self.clock.seconds())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(2 * seconds)):
            self.clock.advance(0.5)

    @property
    def ended(self) -> bool:
        """Whether the watch is over."""
        return bool(self.running.called)

    @property
    def kind(self) -> VerdictKind:
        """What it ended as."""
        verdict: Verdict = self.running.result
        return verdict.kind

    async def _hear(self, interval: Interval, verdict: Verdict) -> None:
        self.told.append((interval, verdict))


def test_a_watch_ends_at_its_time_and_every_look_is_told() -> None:
    """A sample each second for thirty seconds, then the verdict."""
    play = Play()
    play.start()
    play.advance(29.5)
    assert not play.ended
    play.advance(1)
    assert play.kind in (VerdictKind.UNDECIDED, VerdictKind.OK)
    assert len(play.told) == 30


def test_a_regression_ends_it_at_once() -> None:
    """Nothing is waited for when the answer is known."""
    play = Play()
    play.fleet.bad = 30.0
    play.start()
    play.advance(5)
    assert play.kind is VerdictKind.REGRESSION
    assert len(play.told) <= 5


def test_a_watch_that_was_interrupted_goes_on_from_what_it_had() -> None:
    """A master that comes back an hour later counts what was seen, and watches for the rest of the time only."""
    play = Play()
    play.start()
    play.advance(12)
    before = [interval for interval, _ in play.told]
    record = [opening(play.judge), *(one.to_json() for one in before)]
    play.running.cancel()
    play.clock.advance(3600)

    after = Play()
    after.judge = reopen(record)
    after.watch.go_on(before)
    after.now(after.watch.sample())
    after.running = defer.Deferred.fromCoroutine(after.watch.run(after.judge, 30.0, after._hear, had=before))
    after.advance(17)
    assert not after.ended
    after.advance(2)
    assert after.kind in (VerdictKind.UNDECIDED, VerdictKind.OK)
    numbers = [interval.number for interval, _ in after.told]
    assert numbers == list(range(before[-1].number + 2, before[-1].number + 2 + len(numbers)))
    assert after.told[-1][1].metrics[0].samples == 30


def test_the_clock_stands_still_while_the_source_is_away() -> None:
    """An outage in the middle is no regression, adds its length to the watch, and loses nothing that was counted."""
    play = Play()
    play.start()
    play.advance(10)
    play.fleet.down = True
    play.advance(60)
    assert not play.ended
    assert {verdict.kind for _, verdict in play.told[12:60]} == {VerdictKind.PROVIDER_ERROR}
    assert "the server is away" in play.told[30][1].reason
    play.fleet.down = False
    play.advance(18)
    assert not play.ended
    play.advance(4)
    assert play.kind in (VerdictKind.UNDECIDED, VerdictKind.OK)
    assert play.told[-1][1].metrics[0].control_exposure == pytest.approx(
        15 * 100 * (play.clock.seconds() - 10), rel=0.05
    )


def test_harm_during_an_outage_is_found_after_it() -> None:
    """Counters went on counting while nobody could read them."""
    play = Play()
    play.start()
    play.advance(5)
    play.fleet.down, play.fleet.bad = True, 30.0
    play.advance(30)
    assert not play.ended
    play.fleet.down = False
    play.advance(2)
    assert play.kind is VerdictKind.REGRESSION


def test_an_outage_without_end_is_an_answer() -> None:
    """After `outage` the watch ends as provider_error, never as a regression."""
    play = Play(outage="20s")
    play.start()
    play.fleet.down = True
    play.advance(19)
    assert not play.ended
    play.advance(3)
    assert play.kind is VerdictKind.PROVIDER_ERROR


def test_early_end_where_harm_is_ruled_out() -> None:
    """With enough traffic a good release is let through as soon as it is old enough."""
    play = Play(early="12s")
    play.fleet.requests, play.fleet.usual, play.fleet.bad = 10_000.0, 100.0, 100.0
    play.start()
    play.advance(11)
    assert not play.ended
    play.advance(2)
    assert play.kind is VerdictKind.OK


@pytest.mark.parametrize(("extend", "end"), [("8s", 38.0), (None, 60.0)])
def test_extension_where_it_is_asked_for(extend: str | None, end: float) -> None:
    """An undecided watch goes on, up to its limit; as long again where none is set."""
    settings = {"on": {"undecided": "extend"}, **({"extend": extend} if extend else {})}
    play = Play(**settings)
    play.fleet.requests, play.fleet.usual, play.fleet.bad = 1.0, 0.01, 0.01
    play.start()
    play.advance(end - 1)
    assert not play.ended
    play.advance(2)
    assert play.kind is not VerdictKind.REGRESSION


def test_warm_up_is_not_judged() -> None:
    """What happens while caches fill is left out, and the marks are set after it."""
    play = Play(warmup="20s")
    play.fleet.bad = 500.0
    warming = defer.Deferred.fromCoroutine(play.watch.warm_up())
    play.advance(19)
    assert not warming.called
    play.advance(1)
    assert warming.called
    play.fleet.bad = 1.0
    play.start()
    play.advance(31)
    assert play.kind is not VerdictKind.REGRESSION


def test_slow_answers_do_not_shift_the_beat() -> None:
    """Readings begin at whole beats; those that a slow answer ran into are left out."""
    play = Play()
    play.fleet.slow = 2.5
    first = len(play.fleet.reads)
    play.start()
    play.advance(34)
    begun = [at - play.begun for at in play.fleet.reads[first:]]
    assert all(at == round(at) for at in begun)
    assert {later - at for at, later in pairwise(begun)} == {3.0}


def test_a_metric_that_vanishes_is_no_data() -> None:
    """A release that lost the metric's name is no outage and no good release."""
    play = Play()
    play.fleet.mute = True
    play.start()
    play.advance(31)
    assert play.kind is VerdictKind.NO_DATA


def test_the_record_leads_to_the_same_verdict() -> None:
    """What was told, with the judge's own opening, gives the verdict again, outage and all."""
    play = Play()
    play.start()
    play.advance(7)
    play.fleet.down = True
    play.advance(5)
    play.fleet.down, play.fleet.bad = False, 10.0
    play.advance(40)
    record = [opening(play.judge), *(interval.to_json() for interval, _ in play.told)]
    assert replay(record) == play.running.result
    assert play.kind is VerdictKind.REGRESSION


def test_power_is_told_before_the_watch() -> None:
    """The metrics' names, times and INSUFFICIENT_TRAFFIC stand in sentences; the traffic test has none of its own."""
    play = Play()
    play.fleet.requests, play.fleet.usual, play.fleet.bad = 10.0, 0.05, 0.05
    base = play.now(play.watch.baseline(20.0))
    (one,) = play.watch.foresee(ARMS, base, 30.0)
    assert "twice" not in one.sentence()
    assert one.sentence().startswith("2 times as many errors takes about")
    assert "INSUFFICIENT_TRAFFIC" in one.sentence()
    assert play.watch.foresee(Arms(frozenset(h.name for h in HOSTS), frozenset()), base, 30.0) == ()
