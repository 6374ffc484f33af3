# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import random
from math import ceil, log

import pytest

from buildbot_cd.core.backstop import Ask, Ended, Limits, Probe, Why, next_step, posterior


def search(
    suspects: int, culprit: int | None, flake: float, idle: int, seed: int, *, always: bool = False
) -> tuple[Ended, int, int]:
    """A search against a test that fails from the culprit on, and by chance; the answer, probes and rounds spent."""
    rng, probes, rounds = random.Random(seed), list[Probe](), 0
    limits = Limits(flake=max(flake, 0.01))
    while True:
        step = next_step([1.0] * suspects, probes, limits, idle)
        if isinstance(step, Ended):
            return step, len(probes), rounds
        rounds += 1
        assert all(0 <= at <= suspects for at in step.positions)
        for at in step.positions:
            broken = always or (culprit is not None and at >= culprit)
            probes.append(Probe(at, broken or rng.random() < flake))


@pytest.mark.parametrize("idle", [1, 2, 4])
@pytest.mark.parametrize("culprit", [1, 7, 16])
def test_without_noise_the_culprit_is_found_in_logarithmic_rounds(culprit: int, idle: int) -> None:
    """Also at both ends; more idle workers mean fewer rounds, and the verdict was seen on both sides."""
    found, _, rounds = search(16, culprit, 0.0, idle, 1)
    assert (found.why, found.culprit) == (Why.CULPRIT, culprit)
    assert rounds <= ceil(log(16, idle + 1)) + 5


@pytest.mark.parametrize("flake", [0.01, 0.05])
def test_a_flaky_test_does_not_blame_the_wrong_landing(flake: float) -> None:
    """Of 200 searches among 20 landings at least 195 name the culprit; a plain bisect would fail by the dozen."""
    right = 0
    for seed in range(200):
        culprit = 1 + seed % 20
        found, spent, _ = search(20, culprit, flake, 3, seed)
        right += found.culprit == culprit
        assert spent <= 44
    assert right >= 195


def test_a_failure_by_chance_blames_nobody() -> None:
    """Passing twice where it failed is enough in most cases, and in none is a landing named."""
    found = [search(20, None, 0.05, 3, seed) for seed in range(100)]
    assert sum(one.why is Why.FLAKY for one, _, _ in found) >= 98
    assert not [one for one, _, _ in found if one.why is Why.CULPRIT]


def test_what_fails_everywhere_is_older_than_all_suspects() -> None:
    """The good end was wrong: nobody of these landings is to blame."""
    found, _, _ = search(8, None, 0.0, 2, 1, always=True)
    assert found.why is Why.OLDER


def test_one_suspect_is_looked_at_on_both_sides() -> None:
    """Being the only one is no proof."""
    assert next_step([1.0], [], Limits(), 2) == Ask((1, 1))
    seen = [Probe(1, failed=True), Probe(1, failed=True)]
    assert next_step([1.0], seen, Limits(), 2) == Ask((0, 1))
    step = next_step([1.0], [*seen, Probe(0, failed=False), Probe(1, failed=True)], Limits(), 2)
    assert step == Ended(Why.CULPRIT, 1, pytest.approx(1.0, abs=0.01))


def test_a_budget_that_is_spent_ends_the_search() -> None:
    """With the best guess, and called undecided."""
    limits = Limits(most=4, flake=0.4, miss=0.4)
    probes = [Probe(4, failed=True), Probe(4, failed=True), Probe(2, failed=False), Probe(3, failed=True)]
    step = next_step([1.0] * 4, probes, limits, 2)
    assert isinstance(step, Ended)
    assert (step.why, step.culprit) == (Why.UNDECIDED, 3)


def test_beliefs_sum_to_one_and_weights_count() -> None:
    """Also without any weight; who was suspected before is suspected first."""
    belief = posterior([0.0, 0.0], [], Limits())
    assert belief.suspects[0] == belief.suspects[1]
    belief = posterior([1.0, 20.0, 1.0], [Probe(3, failed=True)] * 500, Limits())
    assert belief.nobody + sum(belief.suspects) + belief.older == pytest.approx(1.0)
    assert max(belief.suspects) == belief.suspects[1]
