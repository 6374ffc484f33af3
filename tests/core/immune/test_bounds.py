# SPDX-License-Identifier: GPL-2.0-only
"""Between which ratios the truth lies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from buildbot_cd.core.immune import Bad, MetricKind, MetricSpec, VerdictKind
from buildbot_cd.core.immune.bounds import ratio_bounds
from buildbot_cd.core.immune.judge import Judge


def test_the_truth_is_inside_far_more_often_than_promised() -> None:
    """Of 400 draws with ratios from a fifth to five, at most one in twenty leaves the truth outside."""
    chance = np.random.default_rng(1)
    outside = 0
    for ratio in np.geomspace(0.2, 5.0, 400):
        a, b = chance.poisson(30 * ratio), chance.poisson(300)
        low, high = ratio_bounds(float(a), float(a + b), 30.0, 300.0, 1.0) or (math.nan, math.nan)
        outside += not low <= ratio <= high
    assert outside <= 20


@pytest.mark.parametrize("number", [10, 1000])
def test_bounds_surround_the_estimate_and_narrow(number: int) -> None:
    """They hold the estimate between them; a hundredfold of the events makes them much narrower."""
    low, high = ratio_bounds(2.0 * number, 12.0 * number, 1.0, 10.0, 1.0) or (0.0, 0.0)
    assert low < 2.0 < high
    assert (high / low < 1.3) is (number == 1000)


def test_no_event_at_all_and_none_on_one_side() -> None:
    """Nothing is known without an event; with events on one side only, one end is open."""
    assert ratio_bounds(0.0, 0.0, 1.0, 10.0, 1.0) is None
    assert ratio_bounds(3.0, 9.0, 1.0, 10.0, math.inf) is None
    assert ratio_bounds(3.0, 9.0, 1.0, 10.0, 1e6) is None
    low, high = ratio_bounds(0.0, 50.0, 1.0, 10.0, 1.0) or (9.0, 9.0)
    assert low == 0.0
    assert high < 3
    low, high = ratio_bounds(20.0, 20.0, 1.0, 10.0, 1.0) or (0.0, 0.0)
    assert low > 3
    assert high == math.inf


def test_sentences_name_the_bounds(make_fleet: object) -> None:
    """Levels have bounds too, and a verdict's sentence says them."""
    assert callable(make_fleet)
    fleet = make_fleet(1, canaries=8, slower=1.5, errors=0.3)
    specs = [MetricSpec("latency", MetricKind.LEVEL, tolerance=0.1), MetricSpec("errors", bad=Bad.UP, shadow=True)]
    judge = Judge(specs, fleet.canary, fleet.control, 0.001, fleet.baseline(8), expected_intervals=15)
    _, verdict = fleet.watch(judge, 15)
    assert verdict.kind is VerdictKind.REGRESSION
    latency = verdict.metrics[0]
    assert latency.low is not None
    assert latency.high is not None
    assert 1 < latency.low < latency.ratio < latency.high
    assert f"({latency.low:.2g} to {latency.high:.2g})" in verdict.reason
