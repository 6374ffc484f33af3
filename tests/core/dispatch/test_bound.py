# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Work, lower_bound, ranks
from buildbot_cd.core.dispatch.bound import Binding
from buildbot_cd.testing.suites import suites


def list_schedule(works: list[Work], seconds: dict[str, float], speeds: list[float], first: tuple[str, ...]) -> float:
    """The end of one schedule: whoever is free takes the first ready test of this order."""
    free, ends, left = dict.fromkeys(range(len(speeds)), 0.0), dict[str, float](), list(first)
    needs = {work.nid: work.requires for work in works}
    while left:
        worker = min(free, key=lambda one: free[one])
        ready = [nid for nid in left if all(one in ends and ends[one] <= free[worker] for one in needs[nid])]
        if not ready:
            free[worker] = min(end for end in ends.values() if end > free[worker])
            continue
        left.remove(ready[0])
        ends[ready[0]] = free[worker] = free[worker] + seconds[ready[0]] / speeds[worker]
    return max(ends.values())


@settings(max_examples=60)
@given(suites(most=5, groups=False), st.lists(st.sampled_from([0.5, 1.0, 1.25]), min_size=1, max_size=3))
def test_no_schedule_beats_the_bound(suite: tuple[list[Work], dict[str, float]], speeds: list[float]) -> None:
    """Of all orders of small suites, on workers of uneven speed, none ends before the bound."""
    works, seconds = suite
    bound = lower_bound(works, seconds, speeds).seconds
    orders = itertools.permutations(work.nid for work in works)
    assert min(list_schedule(works, seconds, speeds, one) for one in orders) >= bound * (1 - 1e-9)


@given(suites(), st.integers(1, 9), st.floats(0, 10))
def test_the_bound_has_its_parts(suite: tuple[list[Work], dict[str, float]], workers: int, start: float) -> None:
    """The bound is at least total over workers, longest test and longest chain, each with the start before it."""
    works, seconds = suite
    bound = lower_bound(works, seconds, [1.0] * workers, start).seconds
    for least in (sum(seconds.values()) / workers, max(seconds.values()), max(ranks(works, seconds).values())):
        assert bound >= (least + start) * (1 - 1e-9)


@pytest.mark.parametrize(
    ("works", "seconds", "workers", "binding", "said"),
    [
        ([Work("a"), Work("b")], [4.0, 4.0], 1, Binding.TOTAL, "1 worker is busy to the end: up to 2 would shorten it"),
        ([Work("a"), Work("b")], [9.0, 1.0], 2, Binding.LONGEST, "split a, which takes 9.0 s by itself"),
        ([Work("a", group="db"), Work("b", group="db"), Work("c")], [4.0, 4.0, 1.0], 3, Binding.LONGEST, "group db"),
        ([Work("a"), Work("b", requires=("a",))], [4.0, 4.0], 2, Binding.PATH, "wait for each other for 8.0 s: a -> b"),
    ],
)
def test_the_binding_term_is_told(
    works: list[Work], seconds: list[float], workers: int, binding: Binding, said: str
) -> None:
    """Each term that can bind says what would help."""
    bound = lower_bound(works, {w.nid: s for w, s in zip(works, seconds, strict=True)}, [1.0] * workers)
    assert bound.binding is binding
    assert said in bound.advice


def test_a_long_chain_is_told_in_short() -> None:
    """Of a chain of 25 only its beginning and end are named."""
    works = [Work("t0"), *(Work(f"t{one}", requires=(f"t{one - 1}",)) for one in range(1, 25))]
    advice = lower_bound(works, {work.nid: 1.0 for work in works}, [1.0] * 4).advice
    assert advice.endswith("t0 -> t1 -> t2 -> t3 -> (20 more) -> t24")


def test_a_group_that_waits_is_not_sure_to_travel_together() -> None:
    """Tests of a group that become ready one by one may go to several workers, so they do not bind together."""
    works = [Work("a"), *(Work(f"g{one}", requires=("a",), group="db") for one in range(4))]
    bound = lower_bound(works, {"a": 1.0, **{f"g{one}": 5.0 for one in range(4)}}, [1.0] * 4)
    assert bound.seconds == pytest.approx(6.0)


def test_nothing_to_run_takes_no_time() -> None:
    """A run without tests is over at once."""
    assert lower_bound([], {}, [1.0], 2.0).seconds == 0.0
