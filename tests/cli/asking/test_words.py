# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.cli.asking.words import ahead, columns, moment, plain, span

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@given(st.integers(min_value=0, max_value=10**7))
def test_a_span_is_right_to_its_second_unit(seconds: int) -> None:
    """What is left out is less than the smallest unit that is told."""
    told = re.findall(r"(\d+)([dhms])", span(seconds))
    value = sum(int(count) * SECONDS[unit] for count, unit in told)
    first = SECONDS[told[0][1]]
    assert 1 <= len(told) <= 2
    assert 0 <= seconds - value < {86400: 3600, 3600: 60, 60: 1, 1: 1}[first]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.6, "1m"), (500, "8m 20s"), (7200, "2h"), (90061, "1d 1h"), (-3, "0s")],
)
def test_spans_as_people_read_them(seconds: float, text: str) -> None:
    """At most two units, none of them empty."""
    assert span(seconds) == text


def test_a_range_of_moments_is_told_from_now() -> None:
    """One that is not known is empty, not zero."""
    assert ahead(None) == ""
    assert ahead([160.0, 400.0], now=100.0) == "1m to 5m"
    assert ahead([160.0, 160.2], now=100.0) == "1m"


def test_moments_as_people_write_them() -> None:
    """From now, by the clock, or by the calendar; anything else says what it takes."""
    now = datetime(2026, 1, 31, 17, 0).astimezone().timestamp()
    assert moment("2h", now) == now + 7200
    assert moment("18:00", now) == now + 3600
    assert moment("16:00", now) == now + 23 * 3600
    assert moment("2026-01-31T18:30", now) == now + 5400
    for wrong in ("soon", "25:00", "2x", ""):
        with pytest.raises(ValueError, match="write 2h"):
            moment(wrong, now)


ROWS = st.lists(st.lists(st.text("abc ", max_size=60), min_size=4, max_size=4), min_size=1, max_size=5)


@given(ROWS, st.integers(min_value=40, max_value=200))
def test_a_table_fits_its_terminal_and_keeps_the_last_column_whole(rows: list[list[str]], room: int) -> None:
    """However narrow it is: why somebody waits is read to its end, while a long subject is cut with a mark."""
    lines = columns([["number", "who", "subject", "why it waits"], *rows], room)
    assert all(len(line) <= room for line in lines)
    told = "".join("".join(lines).split())
    for *_, last in rows:
        assert "".join(last.split()) in told
    assert columns([["number", "who", "subject", "why"], ["1", "ada", "A change", "x"]], 40) == [
        "number  who  subject   why",
        "1       ada  A change  x",
    ]


@given(st.text())
def test_nothing_from_a_commit_can_steer_a_terminal(text: str) -> None:
    """Whatever is printed is printable, and on one line."""
    assert plain(text).isprintable()
