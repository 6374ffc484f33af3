# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Estimate, Work, expected, updated

DURATIONS = st.one_of(st.floats(0, 1e5), st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300]))


def learnt(durations: list[float]) -> Estimate:
    """The estimate after these durations."""
    estimate = None
    for seconds in durations:
        estimate = updated(estimate, seconds)
    assert estimate is not None
    return estimate


@given(st.lists(DURATIONS, min_size=1, max_size=60))
def test_an_estimate_is_always_a_duration(durations: list[float]) -> None:
    """Whatever is reported, also what is no number, the estimate stays finite, positive and under e weeks."""
    estimate = learnt(durations)
    assert 0 < estimate.seconds <= 7 * 24 * 3600 * math.e * 1.001
    assert math.isfinite(estimate.late_seconds)
    assert 0 <= estimate.variance <= 2.0
    assert Estimate.from_row(estimate.to_row()) == estimate


@given(st.floats(0.002, 1e4), st.integers(1, 40))
def test_equal_durations_are_learnt(seconds: float, times: int) -> None:
    """A test that always takes the same is expected to take that, within what one observation leaves open."""
    estimate = learnt([seconds] * times)
    assert math.exp(estimate.mean) / 1000 == pytest.approx(seconds)
    assert seconds <= estimate.seconds <= seconds * math.exp(0.046)


def test_noise_averages_out() -> None:
    """From noisy durations the middle is found: the fortieth estimate is within a fifth of the true one."""
    rng = random.Random(4)
    off = [math.log(learnt([8 * rng.lognormvariate(0, 0.3) for _ in range(40)]).seconds / 8) for _ in range(60)]
    assert abs(sum(off) / len(off)) < 0.06
    assert sorted(abs(one) for one in off)[54] < 0.3


def test_one_outlier_moves_little() -> None:
    """A run a thousand times as long as the ten before does not double the estimate."""
    assert learnt([2.0] * 10 + [2000.0]).seconds < 2.2


def test_a_lasting_change_is_followed() -> None:
    """A test that became ten times as long is believed within some nine runs."""
    assert learnt([2.0] * 20 + [20.0] * 9).seconds > 10


def test_a_fast_workers_time_is_stretched() -> None:
    """Four seconds on a worker of double speed are eight on an average one."""
    assert updated(None, 4.0, math.log(2)).mean == pytest.approx(math.log(8000))


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=9))
def test_the_late_duration_lies_above_the_median(durations: list[float]) -> None:
    """What three of four runs stay under is not less than what half of them do."""
    estimate = learnt(durations)
    assert estimate.late_seconds >= math.exp(estimate.mean) / 1000 * 0.999999


def test_unseen_tests_are_guessed_from_their_neighbours() -> None:
    """Of the file the third quartile, else the nearest folder's median, else the suite's."""
    seen = {"a1": 1.0, "a2": 2.0, "a3": 3.0, "a4": 40.0, "b1": 7.0}
    paths = {"a": "t/a/x.py", "b": "t/b/y.py"}
    works = [Work(nid, paths[nid[0]]) for nid in seen]
    unseen = [Work("new", "t/a/x.py"), Work("near", "t/a/deep/z.py"), Work("far", "other/q.py")]
    estimates = {nid: Estimate(math.log(seconds * 1000), 0.0, 3) for nid, seconds in seen.items()}
    found = expected([*works, *unseen], estimates)
    assert found["new"] == pytest.approx(3.0)
    assert found["near"] == pytest.approx(2.0)
    assert found["far"] == pytest.approx(3.0)


def test_with_no_history_every_test_takes_a_second() -> None:
    """A first run of a suite has equal estimates."""
    assert expected([Work("a", "x"), Work("b", "y/z")], {}) == {"a": 1.0, "b": 1.0}
