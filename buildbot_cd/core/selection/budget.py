# SPDX-License-Identifier: GPL-2.0-only
"""Selecting to a time budget: the tests that find most for each second first.

Every chosen test has a probability to fail, from the reasons for which it was chosen; the reasons are taken to be
independent. Tests go by probability per second until the budget is spent; what a test requires goes with it.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from buildbot_cd.core.selection.outcome import Choice, Selection
from buildbot_cd.core.selection.requirements import closure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.selection.reached import Reached

PRIOR = 0.001
"""Probability to fail of a test that runs for no reason but that everything runs."""

REASONS = (("named by the change", 1.0), ("runs always", 1.0), (" changed", 0.5), ("reads ", 0.3), ("tag ", 0.02))
"""By the end, or beginning, of a reason its probability. What is named or runs always is never left out."""

SURE = 1.0
MINUTES = (1, 4, 8, 12)
LEAST = 0.001
"""Seconds that a test takes at least, so that those of no measurable duration are compared too."""


class Catch(NamedTuple):
    """A run with a failure: seconds ``needed`` until the first failure in a budget's order, and in all (``whole``)."""

    run: int
    at: float
    needed: float
    whole: float


class Point(NamedTuple):
    """Within so many ``seconds`` this ``share`` of past failures would have been found; None without history."""

    seconds: float
    share: float | None
    failures: int


def chances(selection: Selection, near: Reached) -> dict[str, float]:
    """By chosen test the probability that it fails."""
    found = {}
    for choice in selection.chosen:
        missed = (1 - PRIOR) * (1 - near.probability(choice.nid))
        for reason in choice.reasons:
            missed *= 1 - _chance(reason)
        found[choice.nid] = 1 - missed
    return found


def _chance(reason: str) -> float:
    return next((chance for text, chance in REASONS if reason.startswith(text) or reason.endswith(text)), 0.0)


def ordered(chance: Mapping[str, float], seconds: Mapping[str, float]) -> list[str]:
    """The tests by probability per second, what is sure to be wanted first."""
    return sorted(chance, key=lambda nid: (chance[nid] < SURE, -chance[nid] / max(seconds.get(nid, 1.0), LEAST), nid))


def within(
    selection: Selection,
    chance: Mapping[str, float],
    seconds: Mapping[str, float],
    needs: Mapping[str, tuple[str, ...]],
    budget: float,
    workers: int = 1,
) -> Selection:
    """The part of the selection that ``workers`` can run in ``budget`` seconds of wall time.

    What the change names and what runs always stays, also beyond the budget. A test that takes longer than what is left
    is passed over, and shorter ones after it are looked at.
    """
    left = budget * max(workers, 1)
    taken: set[str] = set()
    for nid in ordered(chance, seconds):
        fresh = [one for one in (nid, *closure([nid], needs)) if one not in taken]
        cost = sum(max(seconds.get(one, 1.0), LEAST) for one in fresh)
        longest = max((seconds.get(one, 1.0) for one in fresh), default=0.0)
        if chance[nid] >= SURE or (cost <= left and longest <= budget):
            taken.update(fresh)
            left -= cost
    out = [one.nid for one in selection.chosen if one.nid not in taken]
    if not out:
        return selection
    why = f"beyond the budget of {told(budget)}"
    kept = tuple(one for one in selection.chosen if one.nid in taken)
    return Selection(
        kept,
        {**selection.skipped, why: tuple(out)},
        selection.missing_tags,
        selection.unknown_tags,
        selection.unknown_tests,
        None,
    )


def told(seconds: float) -> str:
    """A budget for people."""
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def when_found(
    choices: Sequence[Choice], chance: Mapping[str, float], seconds: Mapping[str, float], failed: set[str], workers: int
) -> tuple[float, float] | None:
    """(seconds of wall time until the first of the failed tests had ended, and of all), in a budget's order.

    ``workers`` take the tests in that order, each the next one when it is free. None if no failed one is there.
    """
    free = [0.0] * max(workers, 1)
    first: float | None = None
    for nid in ordered({one.nid: chance.get(one.nid, PRIOR) for one in choices}, seconds):
        end = heapq.heappop(free) + max(seconds.get(nid, 1.0), LEAST)
        heapq.heappush(free, end)
        if nid in failed and (first is None or end < first):
            first = end
    return None if first is None else (first, max(free))


def confidence(catches: Sequence[Catch], minutes: Sequence[float] = MINUTES) -> tuple[Point, ...]:
    """What share of the failures of the past would have been found within so many minutes."""
    count = len(catches)
    return tuple(
        Point(60.0 * one, sum(1 for catch in catches if catch.needed <= 60 * one) / count if count else None, count)
        for one in minutes
    )
