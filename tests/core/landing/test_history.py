# SPDX-License-Identifier: GPL-2.0-only
"""The figures of some days, from transitions."""

from __future__ import annotations

from typing import Any

import pytest

from buildbot_cd.core.landing.history import DAY, summary
from buildbot_cd.core.landing.spans import Spans, quantile, spans, usual
from buildbot_cd.core.landing.values import Landing, State, Transition

NOW = 20 * DAY
Q, P, T, C, OK, D = State.QUEUED, State.PREPARING, State.TESTING, State.CONFIRMING, State.PASSED, State.DEPLOYING
GOOD = ((Q, 0), (P, 30), (T, 35), (OK, 100), (D, 110), (State.LIVE, 160))
BAD_TEST = ((Q, 0), (T, 10), (C, 50), (State.REVERTING, 60), (State.REVERTED, 70))
BAD_CANARY = ((Q, 0), (T, 10), (OK, 50), (D, 50), (State.ROLLING_BACK, 90), (State.REVERTING, 95), (State.REVERTED, 99))
AGAIN = ((Q, 0), (T, 10), (Q, 40), (T, 60), (OK, 90), (D, 90), (State.LIVE, 120))


def lines(ident: int, steps: tuple[tuple[State, float], ...], start: float = 0.0) -> tuple[Transition, ...]:
    """A history; the times are seconds after ``start``."""
    befores = [None, *(state for state, _ in steps)]
    return tuple(
        Transition(ident, seq, before, state, start + at, "gate", "")
        for seq, ((state, at), before) in enumerate(zip(steps, befores, strict=False), 1)
    )


def ended(ident: int, steps: tuple[tuple[State, float], ...], start: float, **more: Any) -> Landing:
    """The landing that went this way."""
    state, at = steps[-1]
    return Landing(ident, "shop", "b", f"h{ident}", "ada", "s", state, since=start + at, queued_at=start, **more)


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (GOOD, Spans(wait=30, test=70, deploy=50, lead=160)),
        (BAD_TEST, Spans(wait=10, revert=10)),
        (BAD_CANARY, Spans(wait=10, test=40, restore=5, revert=9)),
        (AGAIN, Spans(wait=10, test=30, deploy=30, lead=120)),
        (GOOD[:3], Spans(wait=30)),
        ((), Spans()),
    ],
)
def test_spans_of_one_landing(steps: tuple[tuple[State, float], ...], found: Spans) -> None:
    """Each stage counts from its first moment to its last; what was not reached is None."""
    assert spans(lines(1, steps)) == found


def test_usual_lengths_are_sorted_and_only_of_those_that_went_there() -> None:
    """What a landing did not go through teaches nothing about that stage."""
    found = usual([lines(1, GOOD), lines(2, AGAIN), lines(3, BAD_CANARY), lines(4, BAD_TEST)])
    assert (found.test, found.deploy, found.revert) == ((30, 40, 70), (30, 50), (9, 10))


def test_a_summary_counts_what_ended_in_the_window() -> None:
    """Counts, rates and days agree with each other, and what ended before the window is not in them."""
    starts = {1: NOW - 100, 2: NOW - DAY, 3: NOW - 2 * DAY, 4: NOW - 9 * DAY}
    ways = {1: GOOD, 2: BAD_TEST, 3: BAD_CANARY, 4: GOOD}
    landings = [
        ended(ident, ways[ident], starts[ident] - 100, revert_kind={2: "test", 3: "deploy"}.get(ident, ""))
        for ident in ways
    ]
    histories = {ident: lines(ident, ways[ident], starts[ident] - 100) for ident in ways}
    found = summary(landings, histories, 7, NOW)
    assert found["counts"] == {
        "ended": 3,
        "live": 1,
        "deployed": 2,
        "rolled_back": 1,
        "reverted": 2,
        "reverted_by_test": 1,
        "dependent": 0,
        "withdrawn": 0,
        "retested": 0,
    }
    assert found["failure_rate"] == 0.5
    assert found["deploys_per_day"] == 1 / 7
    assert found["lead_time"] == {"n": 1, "p50": 160.0, "p90": 160.0, "mean": 160.0}
    assert found["restore"]["p50"] == 5
    assert found["revert"]["p50"] == (4.0 + 10.0) / 2
    assert sum(day["live"] for day in found["per_day"]) == 1
    assert sum(day["reverted"] for day in found["per_day"]) == 2
    assert [day["day"] % DAY for day in found["per_day"]] == [0] * len(found["per_day"])


def test_an_empty_window_has_no_figures() -> None:
    """Nothing is divided by zero, and nothing is made up."""
    found = summary([], {}, 1, NOW)
    assert (found["failure_rate"], found["deploys_per_day"]) == (None, 0)
    assert found["lead_time"] == {"n": 0, "p50": None, "p90": None, "mean": None}


def test_quantiles_lie_between_neighbours() -> None:
    """The median of two is their middle."""
    assert quantile([1.0], 0.9) == 1.0
    assert quantile([1.0, 3.0], 0.5) == 2.0
    assert quantile([0.0, 10.0, 20.0], 0.9) == pytest.approx(18.0)
