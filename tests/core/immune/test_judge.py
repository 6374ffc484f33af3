# SPDX-License-Identifier: GPL-2.0-only
"""The judge's answers where no statistics are needed, and that they can be repeated."""

import json
import random
from typing import Any

import pytest

from buildbot_cd.core.immune import (
    Bad,
    Interval,
    Judge,
    Level,
    MetricKind,
    MetricSpec,
    Reading,
    Verdict,
    VerdictKind,
    judge_without_control,
    opening,
    reopen,
    replay,
)

ERRORS = MetricSpec("errors", tolerance=0.1)
CANARY = frozenset({"c1", "c2"})
CONTROL = frozenset(f"h{i}" for i in range(8))
HOSTS = sorted(CANARY | CONTROL)


def interval(
    number: int,
    canary: tuple[float, float] = (0.0, 100.0),
    control: tuple[float, float] = (0.0, 100.0),
    silent: frozenset[str] = frozenset(),
    **more: Any,
) -> Interval:
    """The same (events, exposure) on each host of an arm; silent hosts are missing."""
    heard = [host for host in HOSTS if host not in silent]
    readings = tuple(Reading(host, *(canary if host in CANARY else control)) for host in heard)
    return Interval(number, float(number), {"errors": readings}, {}, frozenset(heard), **more)


def judge(specs: tuple[MetricSpec, ...] = (ERRORS,), **options: Any) -> Judge:
    """A judge with a quiet baseline."""
    return Judge(specs, CANARY, CONTROL, 0.001, [interval(n) for n in range(-3, 1)], **options)


def test_nothing_observed_is_no_data() -> None:
    """Before the first interval there is nothing to judge."""
    assert judge().verdict().kind is VerdictKind.NO_DATA


def test_more_than_half_failing_needs_no_statistics() -> None:
    """Above 50 % of at least 20 requests the guard trips at once and says the numbers; below 20 it does not."""
    few = judge().observe(interval(1, canary=(6.0, 9.0)))
    assert "hard limit" not in few.reason
    verdict = judge().observe(interval(1, canary=(6.0, 10.0)))
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.culprits == ("errors",)
    assert "60% (12 of 20), above the hard limit of 50%" in verdict.reason


def test_guard_leaves_metrics_alone_that_are_always_high() -> None:
    """Sixty of a hundred requests missing a cache is no regression where it was so before."""
    base = [interval(n, (60.0, 100.0), (60.0, 100.0)) for n in range(-3, 1)]
    verdict = Judge([ERRORS], CANARY, CONTROL, 0.001, base).observe(interval(1, (60.0, 100.0), (60.0, 100.0)))
    assert verdict.kind is not VerdictKind.REGRESSION


def test_all_canaries_silent() -> None:
    """Three intervals in a row without any canary are a regression, while the controls answer; fewer are not."""
    watched = judge()
    kinds = [watched.observe(interval(n, silent=CANARY)).kind for n in (1, 2)]
    kinds += [watched.observe(interval(3)).kind, *(watched.observe(interval(n, silent=CANARY)).kind for n in (4, 5, 6))]
    assert VerdictKind.REGRESSION not in kinds[:5]
    assert kinds[5] is VerdictKind.REGRESSION
    assert "none of the 2 canary hosts answered" in watched.verdict().reason


def test_nobody_answers_is_never_a_regression() -> None:
    """An outage of the metrics stops the clock, however long, and the watch goes on after it."""
    watched = judge()
    for number in range(1, 30):
        verdict = watched.observe(Interval(number, float(number)))
        assert verdict.kind is VerdictKind.PROVIDER_ERROR
    assert watched.observe(interval(30)).kind is VerdictKind.UNDECIDED
    failed = watched.observe(interval(31, canary=(100.0, 100.0), provider_error="Prometheus says: no"))
    assert failed.kind is VerdictKind.PROVIDER_ERROR
    assert "Prometheus says: no" in failed.reason


def test_metric_that_nobody_reports_is_named() -> None:
    """A misspelt metric does not pass as a quiet one."""
    watched = judge((ERRORS, MetricSpec("signup", bad=Bad.DOWN)))
    verdict = [watched.observe(interval(n)) for n in range(1, 5)][-1]
    assert verdict.kind is VerdictKind.NO_DATA
    assert "signup" in verdict.reason


def test_canaries_without_traffic() -> None:
    """Canaries that get no request make the traffic insufficient, not the release good."""
    watched = judge(expected_intervals=10)
    verdict = [watched.observe(interval(n, canary=(0.0, 0.0))) for n in range(1, 11)][-1]
    assert verdict.kind is VerdictKind.INSUFFICIENT_TRAFFIC
    assert "errors" in verdict.reason


def test_two_events_never_condemn() -> None:
    """Fewer than three events in the canaries are no regression, however quiet the rest is."""
    watched = judge((MetricSpec("errors", hard_share=None),))
    verdict = watched.observe(interval(1, canary=(1.0, 1.0), control=(0.0, 1e9)))
    assert verdict.kind is not VerdictKind.REGRESSION
    assert verdict.metrics[0].counted <= 0 < verdict.metrics[0].log_e
    later = [watched.observe(interval(n, canary=(1.0, 1.0), control=(0.0, 1e9))) for n in range(2, 9)]
    assert later[-1].kind is VerdictKind.REGRESSION


def test_floor_and_shadow_hold_back() -> None:
    """A difference below the floor, or in shadow, is shown but never acted on."""
    bad = [interval(n, canary=(10.0, 1000.0)) for n in range(1, 8)]
    for spec in (MetricSpec("errors", floor=0.02), MetricSpec("errors", shadow=True)):
        watched = judge((spec,))
        verdict = [watched.observe(i) for i in bad][-1]
        assert verdict.kind is not VerdictKind.REGRESSION
        assert verdict.metrics[0].log_e > verdict.needed
    assert [judge().observe(i) for i in bad][-1].kind is VerdictKind.UNDECIDED  # each judge saw one interval only
    watched = judge()
    assert [watched.observe(i) for i in bad][-1].kind is VerdictKind.REGRESSION


def test_regression_stays_and_late_intervals_are_ignored() -> None:
    """A regression is final, and an interval that was counted already adds nothing."""
    watched = judge()
    first = watched.observe(interval(5, canary=(2.0, 100.0)))
    assert watched.observe(interval(5, canary=(90.0, 100.0))) == first
    final = watched.observe(interval(6, canary=(90.0, 100.0)))
    assert watched.observe(interval(7)) == final
    assert final.kind is VerdictKind.REGRESSION


def test_hosts_may_come_and_go() -> None:
    """Hosts that vanish, appear without a baseline or belong to nobody do not disturb the verdict."""
    watched = judge()
    for number in range(1, 6):
        gone = {HOSTS[number], HOSTS[-number]}
        one = interval(number, silent=frozenset(gone))
        readings = (*one.counts["errors"], Reading("stranger", 50.0, 50.0))
        kind = watched.observe(Interval(number, 1.0, {"errors": readings}, {}, one.answered)).kind
        assert kind is VerdictKind.UNDECIDED


def test_too_few_controls_never_condemn_by_statistics() -> None:
    """One control host cannot show how much hosts differ, which is said; the guards still work."""
    watched = Judge([ERRORS], CANARY, frozenset({"h0"}), 0.001, [interval(n) for n in range(-3, 1)])
    verdict = [watched.observe(interval(n, canary=(30.0, 100.0))) for n in range(1, 20)][-1]
    assert verdict.kind is VerdictKind.UNDECIDED
    assert "fewer than two control hosts" in verdict.metrics[0].note
    assert watched.observe(interval(99, canary=(99.0, 100.0))).kind is VerdictKind.REGRESSION


def test_without_control_levels_are_not_judged() -> None:
    """A level alone, without controls, leaves everything undecided and says why."""
    watched = judge_without_control([MetricSpec("load", MetricKind.LEVEL)], CANARY, 0.001, [])
    verdict = watched.observe(Interval(1, 1.0, {}, {"load": (Level("c1", 3.0),)}, CANARY))
    assert verdict.kind is VerdictKind.UNDECIDED
    assert "control group" in verdict.reason


@pytest.mark.parametrize("effects", [{}, {"errors": 0.05}, {"slower": 2.0}, {"lost_signups": 1.0}])
def test_replay_is_identical_bit_for_bit(make_fleet: Any, effects: Any) -> None:
    """The record, through JSON text, leads to the identical verdict and can be continued."""
    fleet = make_fleet(7, canaries=8, cv=0.3, **effects)
    specs = (ERRORS, MetricSpec("signups", bad=Bad.DOWN), MetricSpec("latency", MetricKind.LEVEL))
    watched = Judge(specs, fleet.canary, fleet.control, 0.001, fleet.baseline(8), expected_intervals=12)
    intervals = [fleet.interval(switched=True) for _ in range(12)]
    lines = [json.dumps(opening(watched)), *(json.dumps(i.to_json()) for i in intervals)]
    for one in intervals[:-1]:
        watched.observe(one)
    assert reopen(map(json.loads, lines[:-1])).verdict() == watched.verdict()
    verdict = watched.observe(intervals[-1])
    assert replay(map(json.loads, lines)) == verdict
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_order_of_hosts_does_not_matter(make_fleet: Any) -> None:
    """Readings in any order give the identical verdict."""
    fleet = make_fleet(3, canaries=8, cv=0.3, slower=1.2, errors=0.02)
    base = fleet.baseline(8)
    specs = (ERRORS, MetricSpec("latency", MetricKind.LEVEL))
    straight = Judge(specs, fleet.canary, fleet.control, 0.001, base)
    mixed = Judge(specs, fleet.canary, fleet.control, 0.001, [shuffled(i, n) for n, i in enumerate(base)])
    for number in range(10):
        one = fleet.interval(switched=True)
        assert straight.observe(one) == mixed.observe(shuffled(one, number))


def shuffled(one: Any, seed: Any) -> Any:
    """The same interval with its readings in another order."""
    rng = random.Random(seed)
    counts = {name: tuple(rng.sample(items, len(items))) for name, items in one.counts.items()}
    levels = {name: tuple(rng.sample(items, len(items))) for name, items in one.levels.items()}
    return Interval(one.number, one.time, counts, levels, one.answered)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reading("h", -1.0, 1.0),
        lambda: Reading("h", float("nan"), 1.0),
        lambda: Level("h", float("inf")),
        lambda: MetricSpec("m", tolerance=-0.1),
        lambda: Interval(1, 1.0, {"m": (Reading("h", 1.0, 1.0), Reading("h", 1.0, 1.0))}),
        lambda: Judge([ERRORS], frozenset(), CONTROL, 0.001),
        lambda: Judge([ERRORS], CANARY, CANARY, 0.001),
        lambda: Judge([ERRORS, ERRORS], CANARY, CONTROL, 0.001),
        lambda: Judge([ERRORS], CANARY, CONTROL, 0.0),
        lambda: replay([]),
        lambda: replay([{"format": 99}]),
    ],
)
def test_nonsense_is_refused(make: Any) -> None:
    """Values that cannot be are refused where they appear."""
    with pytest.raises(ValueError, match=r"host|metric|canary|false_alarm|record"):
        make()
