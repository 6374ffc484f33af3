# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.core.rollout.records import Phase
from buildbot_cd.engine.host_news import staged
from buildbot_cd.store.rows import HostRow

ROW = HostRow(rollout=1, host="web-1", role="web", stage="canary", desired=None, previous=None, at=0.0)


def test_a_host_that_was_given_the_release_told_what_it_carries() -> None:
    """Staging is a probe too: what the host carries becomes the release that a rollback goes to."""
    row = staged(ROW, {"phase": "staged", "release": "r-1"}, 5.0)
    assert (row.observed, row.previous, row.phase, row.at) == ("r-1", "r-1", Phase.STAGED, 5.0)


def test_a_host_that_was_switched_before_a_crash_keeps_where_it_goes_back_to() -> None:
    """Staging again after an interruption does not take the new release for the previous one."""
    switched = staged(ROW, {"phase": "staged", "release": "r-1"}, 5.0)
    again = HostRow(**{name: getattr(switched, name) for name in ROW.__slots__} | {"desired": "r-2"})
    row = staged(again, {"phase": "staged", "release": "r-2"}, 6.0)
    assert (row.observed, row.previous) == ("r-2", "r-1")


def test_a_host_that_did_not_answer_keeps_what_is_known_of_it() -> None:
    """An unreachable host is counted as that, and its last known release stays."""
    known = staged(ROW, {"phase": "staged", "release": "r-1"}, 5.0)
    row = staged(known, {"phase": "unreachable", "error": "no answer"}, 6.0)
    assert (row.observed, row.previous, row.phase, row.error) == ("r-1", "r-1", Phase.UNREACHABLE, "no answer")
