# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.core.dispatch import Work
from buildbot_cd.core.dispatch.capacity import Recorded, enough, seconds_on, splits


def recorded(*seconds: float, chain: bool = False) -> Recorded:
    """A run of tests that took so long, as was expected; each requires the one before it, if it is a chain."""
    took = {f"t{number}": one for number, one in enumerate(seconds)}
    works = [Work(nid, "", (f"t{number - 1}",) if chain and number else ()) for number, nid in enumerate(took)]
    return Recorded(works, took, took)


def test_the_least_number_of_workers_is_found() -> None:
    """Forty tests of ten seconds in 110 seconds need four workers, and three are shown to be too few."""
    found = enough([recorded(*[10.0] * 40)], 110.0, 64, start=2.0, overhead=0.1)
    assert found.workers == 4
    by_workers = {workers: p95 for workers, _, p95 in found.tried}
    assert by_workers[4] <= 110.0 < by_workers[3]


def test_no_number_is_enough_for_a_long_test() -> None:
    """One test over the budget cannot be helped by workers: the answer is None, and the largest number was tried."""
    found = enough([recorded(200.0, *[1.0] * 20)], 110.0, 16, start=2.0, overhead=0.1)
    assert found.workers is None
    assert found.tried[-1][0] == 16


def test_most_runs_have_to_keep_the_budget() -> None:
    """One of forty runs may be longer; three may not."""
    short, long = recorded(*[10.0] * 4), recorded(500.0)
    assert enough([short] * 39 + [long], 60.0, 8, 0.0, 0.1).workers == 1
    assert enough([short] * 37 + [long] * 3, 60.0, 8, 0.0, 0.1).workers is None


def test_the_test_that_stands_in_the_way_is_named() -> None:
    """Only what is longer than an even share counts; the gain is what halving it brings."""
    (split,) = splits([recorded(100.0, *[1.0] * 20)], 10)
    assert (split.nid, split.seconds) == ("t0", 100.0)
    assert split.gain == pytest.approx(50.0)
    assert splits([recorded(*[1.0] * 20)], 4) == []


def test_a_chain_cannot_be_shortened_by_workers() -> None:
    """Requirements hold in a replay too."""
    assert seconds_on(recorded(5.0, 5.0, 5.0, chain=True), 8, 1.0, 0.1) >= 16.0
