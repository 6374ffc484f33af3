# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.core.selection import Choice, Evidence, Reached, Selection
from buildbot_cd.core.selection.budget import Catch, chances, confidence, ordered, when_found, within
from buildbot_cd.core.selection.cofailure import HALF_LIFE, aged, failed_with

DAY = 86_400.0
WHY = {
    "named": "named by the change",
    "near": "f changed; it ran f",
    "tagged": "tag x is declared",
    "all": "everything runs",
}
CHOSEN = Selection(tuple(Choice(nid, (why,)) for nid, why in WHY.items()))
NEAR = Reached({"near": (Evidence("f changed; it ran f", 0.5),)})


def test_reasons_make_the_probability() -> None:
    """What is named is sure; evidence of the map counts more than a tag, a tag more than nothing."""
    chance = chances(CHOSEN, NEAR)
    assert chance["named"] == 1.0
    assert 1.0 > chance["near"] > chance["tagged"] > chance["all"] > 0


def test_a_budget_keeps_what_finds_most_in_a_second() -> None:
    """The sure one stays beyond the budget; a long one is passed over for short ones; the rest is told as left out."""
    chance = chances(CHOSEN, NEAR)
    seconds = {"named": 100.0, "near": 1.0, "tagged": 70.0, "all": 5.0}
    assert ordered(chance, seconds)[:2] == ["named", "near"]
    kept = within(CHOSEN, chance, seconds, {}, 120.0)
    assert [one.nid for one in kept.chosen] == ["named", "near", "all"]
    assert dict(kept.skipped) == {"beyond the budget of 2 min": ("tagged",)}
    assert within(CHOSEN, chance, seconds, {}, 600.0) is CHOSEN


def test_more_workers_run_more_but_no_longer_tests() -> None:
    """Two workers have twice the seconds; a test that is longer than the budget fits on none of them."""
    chance = {"a": 0.5, "b": 0.4, "c": 0.3}
    both = Selection(tuple(Choice(nid, ()) for nid in chance))
    kept = within(both, chance, {"a": 10.0, "b": 10.0, "c": 11.0}, {}, 10.0, workers=4)
    assert [one.nid for one in kept.chosen] == ["a", "b"]


def test_what_a_test_requires_goes_with_it() -> None:
    """Also if it would not be worth its time by itself, and its time counts."""
    chance = {"a": 0.5, "b": 0.0001, "c": 0.4}
    both = Selection(tuple(Choice(nid, ()) for nid in chance))
    kept = within(both, chance, dict.fromkeys(chance, 5.0), {"a": ("b",)}, 10.0)
    assert [one.nid for one in kept.chosen] == ["a", "b"]


def test_the_curve_comes_from_what_was_caught() -> None:
    """Shares of failures that a budget would have shown in time; unknown without history."""
    catches = [Catch(number, 0.0, needed, 900.0) for number, needed in enumerate((30.0, 200.0, 700.0, 900.0))]
    assert [(one.seconds, one.share, one.failures) for one in confidence(catches)] == [
        (60.0, 0.25, 4), (240.0, 0.5, 4), (480.0, 0.5, 4), (720.0, 0.75, 4),
    ]  # fmt: skip
    assert [one.share for one in confidence([])] == [None] * 4


def test_when_a_failure_is_found_is_played_on_the_workers() -> None:
    """In the order of probability per second; the earliest end of a failed one counts."""
    choices = [Choice(nid, ()) for nid in "abc"]
    seconds = dict.fromkeys("abc", 10.0)
    chance = {"a": 0.1, "b": 0.2, "c": 0.3}
    assert when_found(choices, chance, seconds, {"a", "b"}, 1) == (20.0, 30.0)
    assert when_found(choices, chance, seconds, {"a"}, 2) == (20.0, 20.0)
    assert when_found(choices, chance, seconds, {"z"}, 2) is None


def test_counts_fade() -> None:
    """Half is left after ninety days."""
    assert aged(4.0, 0.0, HALF_LIFE) == pytest.approx(2.0)
    assert aged(4.0, 10.0, 0.0) == 4.0


def test_a_test_that_failed_with_the_file_is_told() -> None:
    """By how often of how many changes; a share of one failure, or one that is long ago, is not enough."""
    history = {
        "tax.py": {"": (10.0, 0.0), "t": (6.0, 0.0), "once": (0.5, 0.0)},
        "b.py": {"": (9.0, 0.0), "t": (1.0, 0.0)},
    }
    found = failed_with(history, DAY)
    assert set(found) == {"t"}
    assert found["t"].why == "it failed with 6.0 of 9.9 changes to tax.py"
    assert found["t"].probability == pytest.approx(0.4, abs=0.02)
    assert failed_with(history, 4 * HALF_LIFE) == {}
