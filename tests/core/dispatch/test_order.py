# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import itertools
import math

from hypothesis import given

from buildbot_cd.core.dispatch import Estimate, Work, order
from buildbot_cd.testing.suites import suites


def known(seconds: dict[str, float], spread: float = 0.0) -> dict[str, Estimate]:
    """Estimates that expect these seconds."""
    return {nid: Estimate(math.log(one * 1000) - spread / 2, spread, 9) for nid, one in seconds.items()}


@given(suites())
def test_the_queue_is_a_permutation_by_falling_rank(suite: tuple[list[Work], dict[str, float]]) -> None:
    """Every test has one place; places count from 0 and ranks never rise."""
    works, seconds = suite
    queue = order(works, known(seconds))
    assert sorted(one.nid for one in queue) == sorted(work.nid for work in works)
    assert [one.position for one in queue] == list(range(len(works)))
    assert all(one.rank >= other.rank for one, other in itertools.pairwise(queue))


@given(suites())
def test_the_queue_does_not_depend_on_the_order_of_collection(suite: tuple[list[Work], dict[str, float]]) -> None:
    """Reversing what was collected leaves ranks and seconds as they were (pytest-split #25)."""
    works, seconds = suite
    one, other = order(works, known(seconds)), order(works[::-1], known(seconds))
    assert {x.nid: (x.seconds, x.rank) for x in one} == {x.nid: (x.seconds, x.rank) for x in other}


def test_without_requirements_the_longest_goes_first() -> None:
    """Xdist #456, #657: the order is by duration, longest first."""
    works = [Work(name) for name in "abc"]
    assert [one.nid for one in order(works, known({"a": 1.0, "b": 9.0, "c": 4.0}))] == ["b", "c", "a"]


def test_a_doubtful_test_goes_before_a_steady_one_of_the_same_mean() -> None:
    """What may take long goes first: the order is by the third quartile, the load by the mean."""
    estimates = {**known({"steady": 5.0}), **known({"doubtful": 5.0}, spread=0.4)}
    queue = order([Work("steady"), Work("doubtful")], estimates)
    assert [one.nid for one in queue] == ["doubtful", "steady"]
    assert abs(queue[0].seconds - queue[1].seconds) < 1e-9


def test_an_unseen_test_stands_in_the_first_quarter() -> None:
    """A new test of a file of short ones may be long: it goes before three quarters of the seen ones."""
    seen = {f"t{number}": float(number + 1) for number in range(20)}
    works = [*(Work(nid, "long.py") for nid in seen), Work("short", "quick.py"), Work("new", "quick.py")]
    queue = order(works, known({**seen, "short": 0.1}))
    assert next(one.position for one in queue if one.nid == "new") <= 21 // 4 + 1


def test_a_group_counts_as_one_long_test() -> None:
    """Ten short tests that travel together go before a longer one: by seconds, not by number (xdist #632, #778)."""
    works = [Work("single"), *(Work(f"g{number}", group="db") for number in range(10))]
    seconds = {"single": 5.0, **{f"g{number}": 1.0 for number in range(10)}}
    assert [one.nid for one in order(works, known(seconds))][-1] == "single"


def test_nothing_selected_is_an_empty_queue() -> None:
    """A run without tests is no error."""
    assert order([], {}) == []
