# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Estimate, Work, lower_bound, order, warm
from buildbot_cd.core.dispatch.replay import Machines, Played, play
from buildbot_cd.testing.suites import suites

SPEEDS = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=4)


def played(works: list[Work], seconds: dict[str, float], speeds: list[float], noise: float = 0.0) -> Played:
    """The run with estimates that are off by the noise."""
    rng = random.Random(3)
    believed = {nid: Estimate(math.log(one * 1000) + rng.gauss(0, noise), 0.01, 5) for nid, one in seconds.items()}
    machines = Machines({f"w{n}": one for n, one in enumerate(speeds)}, 1.0, warm(0.1))
    return play(works, order(works, believed), seconds, machines)


@given(suites(), SPEEDS)
def test_every_test_ends_after_what_it_requires(
    suite: tuple[list[Work], dict[str, float]], speeds: list[float]
) -> None:
    """Whatever the suite and the workers, all tests run, and none before what it waits for has ended."""
    works, seconds = suite
    done = played(works, seconds, speeds, 0.5)
    assert set(done.ended) == set(seconds)
    fastest = max(speeds)
    for work in works:
        begun = done.ended[work.nid] - seconds[work.nid] / fastest
        assert all(done.ended[nid] <= begun * (1 + 1e-9) + 1e-9 for nid in work.requires)


@given(suites(groups=False), SPEEDS)
def test_no_run_is_shorter_than_the_bound(suite: tuple[list[Work], dict[str, float]], speeds: list[float]) -> None:
    """The bound holds for every run that is played."""
    works, seconds = suite
    assert played(works, seconds, speeds).makespan >= lower_bound(works, seconds, speeds, 1.0).seconds * (1 - 1e-9)


@given(suites(groups=False), st.integers(1, 4))
def test_a_run_keeps_grahams_bound(suite: tuple[list[Work], dict[str, float]], workers: int) -> None:
    """On equal workers no run is longer than (2 - 1/m) times the best one, and what its chunks cost."""
    works, seconds = suite
    done = played(works, seconds, [1.0] * workers)
    total, chain = sum(seconds.values()), lower_bound(works, seconds, [1.0] * 1000).seconds
    spare = 1.0 + done.chunks * (0.1 + 1.0) + 5.0 * len(works)  # starts, chunks, and results that come late
    assert done.makespan <= total / workers + chain + spare


def test_a_chain_has_no_gaps() -> None:
    """With a worker for each chain the run is as long as the longest, however many chunks it was claimed in."""
    works = [Work(f"t{n}", requires=(f"t{n - 1}",) if n % 20 else ()) for n in range(60)]
    seconds = {work.nid: 1.0 + n % 7 + n // 20 for n, work in enumerate(works)}
    done = played(works, seconds, [1.0] * 4)
    assert done.makespan == pytest.approx(1.0 + 0.1 + sum(list(seconds.values())[40:]))
    assert done.chunks > 6


def test_learnt_speeds_shorten_the_next_run() -> None:
    """What a run teaches about uneven workers brings the next one nearer to the bound."""
    rng = random.Random(5)
    seconds = {f"t{n}": rng.lognormvariate(2, 1.5) for n in range(60)}
    works = [Work(nid) for nid in seconds]
    believed = {nid: Estimate(math.log(one * 1000), 0.0001, 9) for nid, one in seconds.items()}
    machines = Machines({f"w{n}": speed for n, speed in enumerate([0.5, 0.6, 1.0, 1.6, 1.8])}, 0.0, warm(0.1))
    queue = order(works, believed)
    first = play(works, queue, seconds, machines)
    known = first.speeds
    for _ in range(10):
        known = play(works, queue, seconds, machines, known).speeds
    assert play(works, queue, seconds, machines, known).makespan < first.makespan


def test_a_played_run_is_the_same_again() -> None:
    """No chance is in it: the same run twice gives the same."""
    seconds = {f"t{n}": 1.0 + n % 7 for n in range(50)}
    works = [Work(nid) for nid in seconds]
    assert played(works, seconds, [1.0, 1.3]) == played(works, seconds, [1.0, 1.3])


def test_busy_seconds_add_up() -> None:
    """Workers are busy for their tests; the way to the master costs them only the first time."""
    seconds = {f"t{n}": 2.0 for n in range(10)}
    done = played([Work(nid) for nid in seconds], seconds, [1.0, 1.0])
    assert sum(done.busy.values()) == pytest.approx(20.0)
    assert done.chunks > 2
    assert done.makespan == pytest.approx(1.0 + 0.1 + 10.0)
