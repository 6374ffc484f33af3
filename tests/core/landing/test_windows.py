# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from buildbot_cd.core.landing.moves import EMERGENCY, Policy
from buildbot_cd.core.landing.production import why_not_deploying
from buildbot_cd.core.landing.spans import Usual
from buildbot_cd.core.landing.values import Gate, Landing, Slot, Snapshot, State
from buildbot_cd.core.landing.waiting import waiting
from buildbot_cd.core.landing.windows import Window, in_force

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Window(frozenset({0, 1, 2, 3, 4}), 22 * 60, 6 * 60, BERLIN, "nobody is there")


def at(text: str) -> float:
    """A moment by Berlin's wall clock, in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-01-05 21:59:59", None),  # a Monday
        ("2026-01-05 22:00:00", "2026-01-06 06:00:00"),
        ("2026-01-06 05:59:59", "2026-01-06 06:00:00"),
        ("2026-01-06 06:00:00", None),
        ("2026-01-10 03:00:00", "2026-01-10 06:00:00"),  # Saturday morning belongs to Friday's night
        ("2026-01-10 23:00:00", None),
        ("2026-01-05 03:00:00", None),  # Monday morning belongs to Sunday's, which is no day of the window
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, end: str | None) -> None:
    """It is in force from its start to its end, to the second."""
    assert NIGHT.ends(at(moment)) == (None if end is None else at(end))


def test_summer_time_moves_the_window_with_the_wall_clock() -> None:
    """On the night on which an hour is left out the window is an hour shorter, and still ends at six."""
    sunday = Window(frozenset({5}), 22 * 60, 6 * 60, BERLIN)  # Saturday 2026-03-28: clocks go from 2 to 3
    start, end = at("2026-03-28 22:00:00"), at("2026-03-29 06:00:00")
    assert end - start == 7 * 3600
    assert (sunday.ends(start), sunday.ends(end - 1), sunday.ends(end)) == (end, end, None)


def test_a_window_that_ends_when_it_starts_lasts_a_whole_day() -> None:
    """From noon to noon."""
    friday = Window(frozenset({4}), 12 * 60, 12 * 60, BERLIN)
    assert friday.ends(at("2026-01-09 12:00:00")) == at("2026-01-10 12:00:00")
    assert friday.ends(at("2026-01-10 12:00:00")) is None


def test_of_several_windows_the_one_that_ends_last_is_told() -> None:
    """Who waits wants to know when it is really over."""
    weekend = Window(frozenset({4}), 18 * 60, 18 * 60, BERLIN, "weekend")
    assert in_force((NIGHT, weekend), at("2026-01-09 23:00:00")) == (weekend, at("2026-01-10 18:00:00"))
    assert in_force((), 0.0) is None


def test_a_passed_landing_waits_for_the_end_of_the_window_unless_it_is_an_emergency() -> None:
    """The reason is told; the fast lane passes."""
    passed = Landing(1, "shop", "b", "h", "ada", "s", state=State.PASSED)
    snapshot = Snapshot(Gate("shop"), {}, (passed,), {})
    night, day = at("2026-01-05 23:00:00"), at("2026-01-05 12:00:00")
    assert why_not_deploying(snapshot, passed, (NIGHT,), night) == "nothing is deployed now: nobody is there"
    assert why_not_deploying(snapshot, passed, (NIGHT,), day) == ""
    urgent = Landing(1, "shop", "b", "h", "ada", "s", state=State.PASSED, priority=EMERGENCY)
    assert why_not_deploying(snapshot, urgent, (NIGHT,), night) == ""


def test_who_waits_is_told_the_reason_and_the_end() -> None:
    """The sentence on the page names the window, and the time says when it is over."""
    passed = Landing(1, "shop", "b", "h", "ada", "s", state=State.PASSED)
    snapshot = Snapshot(Gate("shop"), {Slot.TEST: 1}, (passed,), {})
    found = waiting(snapshot, {Slot.TEST: (1, 0.0)}, Usual(), Policy(windows=(NIGHT,)), at("2026-01-05 23:00:00"))[1]
    assert found.why == "passed; nothing is deployed now: nobody is there"
    assert found.until == at("2026-01-06 06:00:00")
