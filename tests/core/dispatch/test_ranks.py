# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Work, ranks
from buildbot_cd.errors import SelectionError
from buildbot_cd.testing.suites import suites


@given(suites())
def test_a_rank_is_the_longest_way_to_the_end(suite: tuple[list[Work], dict[str, float]]) -> None:
    """Every rank is the test's own seconds and the largest rank of what requires it, as the definition says."""
    works, seconds = suite
    found = ranks(works, seconds)
    for work in works:
        behind = [found[other.nid] for other in works if work.nid in other.requires]
        assert found[work.nid] == pytest.approx(seconds[work.nid] + max(behind, default=0.0))


@given(suites())
def test_what_is_required_ranks_above(suite: tuple[list[Work], dict[str, float]]) -> None:
    """Handing out by falling rank never puts a test before one that it requires."""
    works, seconds = suite
    found = ranks(works, seconds)
    assert all(found[nid] > found[work.nid] for work in works for nid in work.requires)


@given(suites(), st.floats(0, 1000))
def test_a_floor_lifts_and_is_inherited(suite: tuple[list[Work], dict[str, float]], floor: float) -> None:
    """A test with a least rank has at least that, and so has everything that it waits for."""
    works, seconds = suite
    lifted = works[0]
    found = ranks(works, seconds, {lifted.nid: floor})
    assert found[lifted.nid] >= floor
    assert all(found[nid] >= found[lifted.nid] for nid in lifted.requires)


def test_requirements_outside_do_not_count() -> None:
    """What was not selected blocks nothing and has no rank."""
    assert ranks([Work("a", requires=("elsewhere",))], {"a": 2.0}) == {"a": 2.0}


def test_a_doubled_requirement_counts_once() -> None:
    """A requirement that is written twice does not leave its test waiting for ever."""
    assert ranks([Work("a"), Work("b", requires=("a", "a"))], {"a": 1.0, "b": 2.0}) == {"a": 3.0, "b": 2.0}


@pytest.mark.parametrize("length", [1, 2, 3, 5000])
def test_a_circle_is_told(length: int) -> None:
    """A circle of any length is an error that prints it and says what to do, without exhausting the stack."""
    works = [Work(f"t{one:05}", requires=(f"t{(one + 1) % length:05}",)) for one in range(length)]
    works.append(Work("leaf", requires=("t00000",)))
    with pytest.raises(SelectionError, match=r"circle: t00000 -> .*t00000; take one of these") as caught:
        ranks(works, dict.fromkeys((work.nid for work in works), 1.0))
    assert "leaf" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_long_chain_is_no_trouble() -> None:
    """Chains may be longer than Python's stack is deep."""
    works = [Work("t0"), *(Work(f"t{one}", requires=(f"t{one - 1}",)) for one in range(1, 20_000))]
    assert ranks(works, dict.fromkeys((work.nid for work in works), 1.0))["t0"] == 20_000
