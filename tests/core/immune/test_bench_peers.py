# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark's peers behave as their users report, and its fleets are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.immune import seeds, watches
from bench.immune.fleets import Scenario
from bench.immune.kayenta import label, shift
from bench.immune.ours import judge_watch
from bench.immune.peers import PEERS, caught

SMALL = Scenario("small", hosts=20, canaries=4, cv=0.3)


def test_kayenta_passes_seven_of_ten_samples_a_hundredfold() -> None:
    """A known complaint: seven of ten canary samples at a hundred times the baseline pass, the eighth tips it."""
    baseline = np.arange(1.0, 11.0)

    def verdict(wild: int) -> bool:
        canary = np.concatenate([baseline[: 10 - wild], 100 * baseline[10 - wild :]])
        return label(canary, baseline)[0]

    flips = [verdict(wild) for wild in range(11)]
    assert not any(flips[:6])
    assert flips[10]


def test_kayenta_is_blind_to_sparse_errors() -> None:
    """A known complaint: a few errors against none at all pass."""
    bad, ratio = label(np.array([0.0, 1, 2, 1, 0, 0]), np.zeros(6))
    assert not bad
    assert np.isnan(ratio)


def test_kayenta_estimates_the_shift() -> None:
    """The estimate is Hodges and Lehmann's: the median of all differences; the interval holds it."""
    chance = np.random.default_rng(1)
    x, y = chance.normal(3.0, 1.0, 25), chance.normal(1.0, 1.0, 30)
    found = shift(x, y)
    assert found.estimate == pytest.approx(float(np.median(x[:, np.newaxis] - y)), abs=0.02)
    assert found.low < found.estimate < found.high
    assert label(x, y)[0]
    assert not label(y, x)[0]
    assert label(y, x, down=True)[0]


def test_the_same_seed_gives_the_same_watches() -> None:
    """Watches come from the seed and the scenario's name alone; other seeds give others."""
    first, again, other = (next(watches(SMALL, seed, 1)) for seed in (1, 1, 2))
    assert np.array_equal(first.events, again.events)
    assert not np.array_equal(first.events, other.events)
    assert len({tuple(one.spawn_key) for _, one in seeds(SMALL, 1, 5)}) == 5


@pytest.mark.parametrize("effect", [1.0, 3.0, 0.4])
def test_the_effect_is_on_the_canaries_alone_and_after_the_switch(effect: float) -> None:
    """Rates of canaries change by the effect; everything else stays."""
    scenario = replace(SMALL, effect=effect, cv=0.0, base=0.05, minutes=60)
    watch = next(watches(scenario, 3, 1))
    rate = watch.events[0] / watch.exposure[0]
    after, before = rate[scenario.before :], rate[: scenario.before]
    assert after[:, watch.canary].mean() == pytest.approx(0.05 * effect, rel=0.05)
    assert after[:, ~watch.canary].mean() == pytest.approx(0.05, rel=0.05)
    assert before[:, watch.canary].mean() == pytest.approx(0.05, rel=0.1)


def test_every_peer_catches_a_fivefold_rate_and_so_do_we() -> None:
    """Nobody is set up to fail: what is gross is found by all, by whom it can be."""
    watch = next(watches(replace(SMALL, effect=5.0), 5, 1))
    for peer in PEERS:
        assert caught(peer.scores(watch), peer.threshold(watch), 0) is not None, peer.name
    assert judge_watch(watch, 0.01, 0.0).minute is not None
