# SPDX-License-Identifier: GPL-2.0-only
from buildbot_cd.core.rollout.owed import owed


def test_the_last_decision_about_each_host_counts() -> None:
    """A rollout that left a host alone says nothing about it; a rollback puts back only those that it names."""
    first = {"a": "r-1", "b": "r-1", "c": "r-1"}
    canary_only = {"a": "r-2", "b": None, "c": None}
    rolled_back = {"a": "r-1", "b": None, "c": None}
    assert owed([first, canary_only, rolled_back], "abc") == {"a": "r-1", "b": "r-1", "c": "r-1"}
    assert owed([first, canary_only], "abc") == {"a": "r-2", "b": "r-1", "c": "r-1"}


def test_hosts_that_are_gone_or_new_are_left_out() -> None:
    """Only hosts of today's fleet are owed something, and only if a rollout ever meant them."""
    assert owed([{"gone": "r-1", "a": "r-1"}], ["a", "new"]) == {"a": "r-1"}
