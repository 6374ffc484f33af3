# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Speed, relative, watched, with_overhead

NUMBERS = st.one_of(st.floats(), st.floats(0, 1e4))


def test_a_speed_is_learnt_from_noisy_tests() -> None:
    """After four hundred tests with noise 0.3 the speed is known within a few per cent."""
    rng = random.Random(1)
    speed = watched(Speed(), ((10 * rng.lognormvariate(0, 0.3), 10 / 1.25) for _ in range(400)))
    assert math.exp(speed.log) == pytest.approx(1.25, rel=0.06)


def test_little_is_believed_of_few_tests() -> None:
    """Two tests that took half the time do not make a worker twice as fast."""
    assert math.exp(watched(Speed(), [(10, 5), (10, 5)]).log) < 1.07


def test_one_odd_test_counts_for_little() -> None:
    """A test that hung a thousand times as long moves the speed no more than one that took five times as long."""
    known = watched(Speed(), [(1.0, 1.0)] * 50)
    assert watched(known, [(1.0, 1000.0)]) == watched(known, [(1.0, 5.0)])


def test_a_replaced_machine_is_followed() -> None:
    """The mean follows the last five hundred tests."""
    old = watched(Speed(), [(1.0, 2.0)] * 5000)
    assert math.exp(watched(old, [(1.0, 0.5)] * 1500).log) > 1.7


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30))
def test_no_numbers_are_trouble(pairs: list[tuple[float, float]]) -> None:
    """Whatever durations are reported, a speed is a positive number."""
    assert 0 < math.exp(watched(Speed(), pairs).log) < math.inf


def test_speeds_are_relative_to_the_pool() -> None:
    """The mean of the logarithms is 0, and a worker of which nothing is known counts as it does."""
    known = {"a": Speed(0.4, 10_000), "b": Speed(0.2, 10_000)}
    found = relative(known, ["a", "b"])
    assert found["a"] * found["b"] == pytest.approx(1.0)
    assert found["a"] / found["b"] == pytest.approx(math.exp(0.2), rel=0.01)
    assert relative({}, ["x", "y"]) == {"x": 1.0, "y": 1.0}


def test_a_chunks_cost_is_learnt() -> None:
    """What a chunk takes beside its tests is smoothed, and never negative."""
    speed = with_overhead(with_overhead(Speed(), 10.5, 10.0), 10.0, 11.0)
    assert speed.overhead == pytest.approx(0.4)
