# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.core.dispatch.leases import Held, hung, lease, to_copy


def test_a_lease_is_three_times_the_work_and_a_minute() -> None:
    """A chunk of ten seconds is given up after a minute and a half without a sign of life."""
    assert lease(10.0) == 90.0


@pytest.mark.parametrize(("expected", "running", "is_hung"), [(1, 599, False), (1, 601, True), (100, 999, False)])
def test_a_test_hangs_after_ten_minutes_or_ten_times_its_estimate(expected: int, running: int, is_hung: bool) -> None:
    """A test that nobody knows has ten minutes, a long one ten times what it takes."""
    assert hung(expected, running) is is_hung


@pytest.mark.parametrize(
    ("held", "copied"),
    [
        ([Held("a", "w1", 2.0, 13.0)], None),
        ([Held("a", "w1", 2.0, 15.0)], "a"),
        ([Held("a", "w1", 2.0, 15.0), Held("b", "w1", 1.0), Held("c", "w1", 3.0)], "c"),
        ([Held("a", "w1", 2.0, 15.0, copied=True)], None),
        ([Held("a", "w1", 2.0, 15.0, "db")], None),
        ([Held("a", "me", 2.0, 15.0)], None),
        ([Held("a", "w1", 2.0)], None),
        ([Held("a", "w1", 2.0, 15.0), Held("b", "w1", 1.0, waits=True)], "a"),
    ],
)
def test_what_is_copied(held: list[Held], copied: str | None) -> None:
    """Only what a late worker could do at once, what it has not begun first; nothing twice, no groups."""
    assert to_copy("me", held) == copied
