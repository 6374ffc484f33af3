# SPDX-License-Identifier: GPL-2.0-only
"""What a watch will be able to see, told before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from buildbot_cd.core.immune import Bad, Interval, Judge, MetricSpec, Reading, VerdictKind
from buildbot_cd.core.immune.foresight import Foresight, foresee

HOSTS = [f"h{n:02d}" for n in range(40)]
CANARY = frozenset(HOSTS[:8])
CONTROL = frozenset(HOSTS[8:])
SIGNUPS = MetricSpec("signups", bad=Bad.DOWN)
ERRORS = MetricSpec("errors", tolerance=0.1)


def window(signups: float, requests: float = 1000.0) -> list[Interval]:
    """A minute of baseline; events per host and second, spread evenly."""
    rows = []
    for second in range(61):
        due = [(second * signups + n * 0.37 * signups) // 1 - ((second - 1) * signups + n * 0.37 * signups) // 1
               for n in range(40)]  # fmt: skip
        readings = tuple(Reading(host, event, requests) for host, event in zip(HOSTS, due, strict=True))
        rows.append(Interval(second, float(second), {"signups": readings, "errors": readings}))
    return rows


def told(spec: MetricSpec, per_host: float, watch: float) -> Foresight:
    """What is foreseen for one metric."""
    (one,) = foresee([spec], CANARY, CONTROL, 0.001, window(per_host), watch=watch)
    return one


def test_too_little_traffic_is_said_with_the_time_it_would_take() -> None:
    """A drop of 30 % that takes longer than the watch is INSUFFICIENT_TRAFFIC for that, with both times named."""
    one = told(SIGNUPS, 0.05, 120.0)
    assert one.too_late
    assert one.seconds is not None
    assert one.seconds > 300
    assert "30% fewer signups takes about" in one.sentence()
    assert "minutes" in one.sentence()
    assert "INSUFFICIENT_TRAFFIC" in one.sentence()


def test_enough_traffic_is_said_without_a_warning() -> None:
    """What shows within the watch is told with its time alone."""
    one = told(ERRORS, 2.0, 600.0)
    assert not one.too_late
    assert "INSUFFICIENT" not in one.sentence()
    assert one.visible is not None
    assert one.visible < 2


def test_twice_the_traffic_takes_half_the_time() -> None:
    """Evidence grows with the number of events."""
    slow, fast = told(SIGNUPS, 0.2, 60.0), told(SIGNUPS, 0.4, 60.0)
    assert slow.seconds is not None
    assert fast.seconds is not None
    assert slow.seconds / fast.seconds == pytest.approx(2, rel=0.25)


def test_no_traffic_is_blind_and_tolerated_changes_are_never_seen() -> None:
    """Without an event nothing can be foreseen; a change within the tolerance never shows."""
    assert told(SIGNUPS, 0.0, 600.0).blind
    tolerant = told(MetricSpec("errors", tolerance=1.5), 2.0, 600.0)
    assert tolerant.seconds is None
    assert "cannot be seen" in tolerant.sentence()


def test_nothing_is_foreseen_without_controls_or_baseline() -> None:
    """There is no contrast to speak of then."""
    assert foresee([SIGNUPS], CANARY, frozenset(), 0.001, window(1.0), watch=60.0) == ()
    assert foresee([SIGNUPS], CANARY, CONTROL, 0.001, [], watch=60.0) == ()


def test_the_time_told_is_the_time_it_takes(make_fleet: Any) -> None:
    """A drop of 30 % is found, in the middle of many watches, after about the time that was told."""
    fleets = [make_fleet(seed, canaries=8, signups=200.0, lost_signups=0.3, requests=4000) for seed in range(24)]
    times, foretold = [], []
    for fleet in fleets:
        base = fleet.baseline(30)
        (one,) = foresee([SIGNUPS], fleet.canary, fleet.control, 0.001, base, watch=300.0)
        foretold.append(one.seconds or 0.0)
        judge = Judge([SIGNUPS], fleet.canary, fleet.control, 0.001, base, expected_intervals=300)
        passed, verdict = fleet.watch(judge, 300)
        assert verdict.kind is VerdictKind.REGRESSION
        times.append(passed)
    middle = sorted(times)[12]
    assert sorted(foretold)[12] / 2 <= middle <= sorted(foretold)[12] * 2
