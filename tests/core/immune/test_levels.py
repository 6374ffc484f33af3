# SPDX-License-Identifier: GPL-2.0-only
"""Levels between a handful of hosts: what the controls do not tell for sure counts against an alarm."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.immune import Interval, Judge, Level, MetricEvidence, MetricKind, MetricSpec, VerdictKind

SPEC = MetricSpec("latency", MetricKind.LEVEL)


def interval(number: int, *values: float) -> Interval:
    """One reading of the canary c and of as many controls as there are further values."""
    names = ["c", *(f"h{place}" for place in range(1, len(values)))]
    levels = tuple(map(Level, names, values))
    return Interval(number, float(number), {}, {"latency": levels}, frozenset(names))


def judged(baseline: list[list[float]], watch: list[list[float]]) -> list[MetricEvidence]:
    """The evidence after each interval of a watch."""
    before = [interval(number, *row) for number, row in enumerate(baseline, 1)]
    controls = frozenset(f"h{place}" for place in range(1, len(watch[0])))
    judge = Judge([SPEC], frozenset("c"), controls, 0.01, before, expected_intervals=len(watch))
    numbered = enumerate(watch, len(baseline) + 1)
    return [judge.observe(interval(number, *row)).metrics[0] for number, row in numbered]


@pytest.mark.parametrize(("hosts", "canaries"), [(5, 1), (10, 5)])
def test_a_handful_of_hosts_raises_few_false_alarms(make_fleet: Any, hosts: int, canaries: int) -> None:
    """With four or five controls a harmless release is condemned in no more than about alpha of the watches."""
    alarms = 0
    for seed in range(150):
        fleet = make_fleet(seed, hosts=hosts, canaries=canaries, requests=50.0 * hosts)
        judge = Judge([SPEC], fleet.canary, fleet.control, 0.01, fleet.baseline(8), expected_intervals=30)
        alarms += fleet.watch(judge, 30)[0] is not None
    assert alarms <= 4  # of 150: more has a chance of 2 %


def test_a_canary_that_was_far_from_the_controls_is_compared_less_surely() -> None:
    """How levels before the switch go on is learnt from the controls, and for a canary beyond them less well."""
    rng = np.random.default_rng(3)
    own = [0.10, 0.11, 0.12, 0.13, 0.14]
    near, far = ([[first, *own] * 1 for _ in range(6)] for first in (0.12, 0.40))
    noise = np.exp(rng.normal(0, 0.05, (6, 6)))
    found = [judged(before, (np.array(before) * noise).tolist())[-1] for before in (near, far)]
    widths = [math.log(one.high or math.inf) - math.log(one.low or 0.0) for one in found]
    assert found[1].phi > 2 * found[0].phi
    assert widths[1] > widths[0]


@given(st.lists(st.lists(st.floats(1e-6, 1e6), min_size=5, max_size=5), min_size=2, max_size=12))
def test_the_noise_between_controls_never_shrinks(rows: list[list[float]]) -> None:
    """Controls that are alike for a moment do not make the canary look strange: what they were apart counts on."""
    noise = [one.phi for one in judged(rows[:1], rows[1:])]
    assert all(before <= after * (1 + 1e-9) for before, after in pairwise(noise))


@given(
    st.lists(st.floats(0.0, 1e9), min_size=4, max_size=7).flatmap(
        lambda row: st.tuples(
            st.just(row), st.lists(st.lists(st.floats(0.0, 1e9), min_size=len(row), max_size=len(row)), max_size=4)
        )
    )
)
def test_whatever_three_controls_were_before_the_evidence_is_plain_numbers(case: tuple[list[float], Any]) -> None:
    """Equal controls, one that differs by a hair, a canary far away: nothing overflows, and all of it is JSON."""
    before, more = case
    found = judged([before, before], [before, *more])[-1]
    json.dumps(found.to_json(), allow_nan=False)


def test_a_slow_canary_of_five_hosts_is_found() -> None:
    """Caution has its limits: four controls within a few per cent, and one canary four times as slow."""
    rng = np.random.default_rng(5)
    rows = np.exp(rng.normal(0, 0.03, (30, 5)))
    slow = rows.copy()
    slow[10:, 0] *= 4
    judge = Judge(
        [SPEC],
        frozenset("c"),
        frozenset(f"h{place}" for place in range(1, 5)),
        0.01,
        [interval(number, *row) for number, row in enumerate(slow[:10].tolist(), 1)],
        expected_intervals=20,
    )
    kinds = [judge.observe(interval(number, *row)).kind for number, row in enumerate(slow[10:].tolist(), 11)]
    assert VerdictKind.REGRESSION in kinds
