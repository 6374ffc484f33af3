# SPDX-License-Identifier: GPL-2.0-only
"""Harm that sets in late, hosts that fall silent, traffic that goes away, and absolute limits."""

from __future__ import annotations

from typing import Any

import pytest

from buildbot_cd.core.immune import (
    Bad,
    Interval,
    Judge,
    Level,
    MetricEvidence,
    MetricKind,
    MetricSpec,
    Reading,
    VerdictKind,
)
from buildbot_cd.core.immune.restarts import Schedule
from buildbot_cd.core.immune.silence import SILENT_HOSTS

CANARY = frozenset(f"c{i}" for i in range(10))
CONTROL = frozenset(f"h{i:02d}" for i in range(90))
HOSTS = sorted(CANARY | CONTROL)
QUIET = MetricSpec("errors", hard_share=None)


def heard(number: int, silent: frozenset[str] = frozenset()) -> Interval:
    """An interval without any error, in which some hosts do not answer."""
    answered = frozenset(HOSTS) - silent
    readings = tuple(Reading(host, 0.0, 10.0) for host in sorted(answered))
    return Interval(number, float(number), {"errors": readings}, {}, answered)


def silence(judge: Judge) -> MetricEvidence:
    """The evidence on silent hosts."""
    return next(one for one in judge.verdict().metrics if one.name == SILENT_HOSTS)


def judged(*silent: frozenset[str]) -> Judge:
    """A judge that saw these hosts silent, one set an interval, after three whole ones."""
    judge = Judge([QUIET], CANARY, CONTROL, 0.001, [heard(n) for n in (1, 2, 3)])
    for number, one in enumerate(silent, 4):
        judge.observe(heard(number, one))
    return judge


@pytest.mark.parametrize("expected", [1, 5, 19, 20, 30, 120, 100_000, None])
def test_weights_of_later_beginnings_are_a_share(expected: int | None) -> None:
    """The process that sees everything keeps most; later ones begin within the watch, in order."""
    schedule = Schedule.of(expected)
    assert 0.7 <= schedule.first <= 1
    assert len(schedule.after) == len(schedule.weights)
    assert list(schedule.after) == sorted(set(schedule.after))
    assert all(0 < after < (expected or 10**9) for after in schedule.after)


@pytest.mark.parametrize("kind", [MetricKind.COUNT, MetricKind.LEVEL])
def test_late_harm_is_found_almost_as_soon_as_early_harm(make_fleet: Any, kind: MetricKind) -> None:
    """What sets in after 80 good intervals of 120 is found within a few more intervals than what is there at once."""
    spec = MetricSpec("errors" if kind is MetricKind.COUNT else "latency", kind, tolerance=0.1)
    harm = {"errors": 0.02} if kind is MetricKind.COUNT else {"slower": 1.3}

    def delay(seed: int, good: int) -> int:
        fleet = make_fleet(seed, canaries=8, requests=2000, base_errors=0.01)
        base = fleet.baseline(30)
        judge = Judge([spec], fleet.canary, fleet.control, 0.001, base, expected_intervals=120)
        for _ in range(good):
            judge.observe(fleet.interval(switched=False))
        for name, value in harm.items():
            setattr(fleet, name, value)
        return int(fleet.watch(judge, 120 - good)[0] or 999)

    early = [delay(seed, 0) for seed in range(12)]
    late = [delay(seed, 80) for seed in range(12)]
    assert max(late) < 40
    assert sum(late) / 12 <= 2 * sum(early) / 12 + 6


def test_canaries_that_fall_silent_one_by_one() -> None:
    """Six of ten canaries falling silent while no control does is a regression, though the others report no error."""
    gone = [frozenset(sorted(CANARY)[: n // 2]) for n in range(2, 16)]
    verdict = judged(*gone).verdict()
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.culprits == (SILENT_HOSTS,)


def test_hosts_that_fall_silent_everywhere_are_no_sign() -> None:
    """When hosts of both arms fall silent in proportion, nothing speaks against the release."""
    gone = [frozenset([*sorted(CANARY)[: n // 4], *sorted(CONTROL)[: 2 * n]]) for n in range(1, 16)]
    judge = judged(*gone)
    assert judge.verdict().kind is not VerdictKind.REGRESSION
    assert silence(judge).log_e < 2


def test_one_machine_that_breaks_is_one_event() -> None:
    """One dead canary, however long it is dead, condemns nothing; a host that misses one reading is no event."""
    dead = judged(*[frozenset({"c3"})] * 50)
    assert dead.verdict().kind is not VerdictKind.REGRESSION
    assert silence(dead).canary_total == 1
    flickering = judged(*[CANARY if n % 2 else frozenset() for n in range(20)])
    assert flickering.verdict().kind is not VerdictKind.REGRESSION
    assert silence(flickering).canary_total == 0


def traffic(number: int, canary: float, control: float = 50.0) -> Interval:
    """Requests a second of each arm's hosts, with a little noise."""
    noise = [1 + 0.1 * ((7 * n + 3 * number) % 5 - 2) / 2 for n in range(len(HOSTS))]
    readings = tuple(
        Reading(host, round((canary if host in CANARY else control) * noise[n]), 1.0) for n, host in enumerate(HOSTS)
    )
    return Interval(number, float(number), {"traffic": readings}, {}, frozenset(HOSTS))


@pytest.mark.parametrize(("canary", "found"), [(50.0, False), (30.0, False), (10.0, True), (0.0, True)])
def test_traffic_that_goes_away(canary: float, found: bool) -> None:
    """Canaries that lose more than half of their share of the traffic are found out; a smaller loss is tolerated."""
    spec = MetricSpec("traffic", bad=Bad.DOWN, tolerance=1.0, hard_share=None, aside=True)
    judge = Judge([QUIET, spec], CANARY, CONTROL, 0.001, [traffic(n, 50.0) for n in range(1, 11)])
    kinds = [judge.observe(traffic(n, canary)).kind for n in range(11, 31)]
    assert (VerdictKind.REGRESSION in kinds) is found


def test_traffic_of_a_whole_fleet_is_nobodys_fault() -> None:
    """Without controls there is no share: people who stay away condemn no release, and cost the others no budget."""
    spec = MetricSpec("traffic", bad=Bad.DOWN, tolerance=1.0, hard_share=None, aside=True)
    base = [traffic(n, 50.0) for n in range(1, 11)]
    judge = Judge([QUIET, spec], frozenset(HOSTS), frozenset(), 0.001, base)
    verdicts = [judge.observe(traffic(n, 1.0, 1.0)) for n in range(11, 31)]
    assert VerdictKind.REGRESSION not in {one.kind for one in verdicts}
    shares = {one.name: one.note for one in verdicts[-1].metrics}
    assert shares["traffic"] == "a share is not judged without a control group"


def load(number: int, canary: float, control: float = 1.0) -> Interval:
    """A load on each host."""
    levels = tuple(Level(host, canary if host in CANARY else control) for host in HOSTS)
    return Interval(number, float(number), {}, {"load": levels}, frozenset(HOSTS))


def test_absolute_limit_of_a_level() -> None:
    """Three times in a row beyond the limit needs no statistics; twice, or where it was so before, is nothing."""
    spec = MetricSpec("load", MetricKind.LEVEL, limit=8.0, tolerance=9.0)
    base = [load(n, 1.0) for n in range(1, 5)]
    judge = Judge([spec], CANARY, CONTROL, 0.001, base)
    kinds = [judge.observe(load(5 + n, level)).kind for n, level in enumerate((9.0, 9.0, 7.0, 9.0, 9.0))]
    assert VerdictKind.REGRESSION not in kinds
    verdict = judge.observe(load(10, 9.0))
    assert verdict.kind is VerdictKind.REGRESSION
    assert "above the absolute limit of 8" in verdict.reason
    always = Judge([spec], CANARY, CONTROL, 0.001, [load(n, 20.0, 20.0) for n in range(1, 5)])
    assert all(always.observe(load(n, 20.0, 20.0)).kind is not VerdictKind.REGRESSION for n in range(5, 12))


def test_weighted_mean_finds_what_no_metric_shows_alone(make_fleet: Any) -> None:
    """Evidence of several metrics adds up; a metric with more weight needs less."""
    fleet = make_fleet(1)
    names = frozenset(fleet.names)
    canary = frozenset(fleet.names[:8])

    def both(number: int, events: float) -> Interval:
        rows = tuple(Reading(host, events if host in canary else 1.0, 100.0) for host in fleet.names)
        return Interval(number, float(number), {"a": rows, "b": rows}, {}, names)

    specs = [MetricSpec("a", hard_share=None), MetricSpec("b", hard_share=None)]
    base = [both(n, 1.0) for n in range(1, 6)]
    two = Judge(specs, canary, names - canary, 0.001, base)
    light = Judge([specs[0], MetricSpec("b", shadow=True)], canary, names - canary, 0.001, base)
    for number in range(6, 12):
        verdict, alone = two.observe(both(number, 2.0)), light.observe(both(number, 2.0))
        one = {metric.name: metric.counted for metric in verdict.metrics}
        assert verdict.log_e == pytest.approx(alone.log_e, abs=1e-6)
        assert one["a"] == one["b"]
