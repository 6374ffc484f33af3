# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.config import Amount, format_duration, parse_amount, parse_duration, parse_ratio

LONGEST_MS = 3650 * 86_400_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("12m", 720), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("1d", 86400), ("1h 5s", 3605), (0, 0)],
)
def test_durations_are_read(text: object, seconds: float) -> None:
    """A duration is the sum of its parts, in seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", 5, 0.0, True, None, "m", "5m1h", "5s5s", "-5s", "5 parsecs", "٥s", "4000d", []]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    """Without a unit, or with units out of order or unknown, nothing is guessed."""
    with pytest.raises(ValueError, match="should be a duration"):
        parse_duration(text)


@given(st.integers(0, LONGEST_MS))
def test_durations_round_trip(milliseconds: int) -> None:
    """What is written by `format_duration` is read as the same time."""
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(("value", "ratio"), [("10%", 0.1), ("0.1 %", 0.001), (0.25, 0.25), (1, 1.0), ("150%", 1.5)])
def test_ratios_are_read(value: object, ratio: float) -> None:
    """A ratio is a percentage or a number up to 1."""
    assert parse_ratio(value) == pytest.approx(ratio)


@pytest.mark.parametrize("value", [10, -0.1, "10", "-5%", "%", True, None, math.nan, math.inf])
def test_what_is_no_ratio_is_refused(value: object) -> None:
    """A bare 10 may mean ten percent or ten times: it is asked for."""
    with pytest.raises(ValueError, match="10%"):
        parse_ratio(value)


@pytest.mark.parametrize(
    ("value", "amount"),
    [(35, Amount(count=35)), ("5%", Amount(share=0.05)), ("all", Amount(share=1.0)), ("100%", Amount(share=1.0))],
)
def test_amounts_are_read_and_written(value: object, amount: Amount) -> None:
    """An amount reads back from its own text."""
    assert parse_amount(value) == amount
    again = int(str(amount)) if amount.count is not None else str(amount)
    assert parse_amount(again) == amount


@pytest.mark.parametrize("value", [-1, True, 1.5, "35", "101%", "most", None])
def test_what_is_no_amount_is_refused(value: object) -> None:
    """A number of hosts is whole, and no share is above the fleet."""
    with pytest.raises(ValueError, match="number of hosts"):
        parse_amount(value)


@given(st.one_of(st.integers(1, 5000), st.integers(1, 100).map("{}%".format)), st.integers(1, 5000))
def test_amounts_stay_in_the_fleet(value: object, total: int) -> None:
    """No amount is more than the fleet, and one that must be reached is at least one host."""
    amount = parse_amount(value)
    assert 1 <= amount.at_least(total) <= total
    assert amount.at_most(total) <= amount.at_least(total)


@given(st.integers(1, 100), st.integers(1, 50))
def test_whole_shares_are_exact(percent: int, hundreds: int) -> None:
    """A share that comes out even is not one host off for the sake of binary fractions."""
    amount = parse_amount(f"{percent}%")
    assert amount.at_least(hundreds * 100) == amount.at_most(hundreds * 100) == percent * hundreds
