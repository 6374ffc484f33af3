# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.core.selection import Evidence, reckoned, suspicion, units_of
from buildbot_cd.core.selection.function_map import FILE, key
from buildbot_cd.core.selection.suspicion import LEAST

PATH = "tests/test_tax.py"
RAN = frozenset({key("tax.py", FILE)})


def test_no_landing_is_beyond_suspicion() -> None:
    """A map may be stale, and a change may act in ways that nobody saw."""
    assert round(suspicion(PATH, RAN, ["docs/a.md"]), 6) == LEAST
    assert round(suspicion(PATH, frozenset(), []), 6) == LEAST


def test_each_kind_of_evidence_adds_to_it() -> None:
    """The test's own file says more than a file that it ran; the history and the selection add to either."""
    ran, own = (suspicion(PATH, RAN, [one]) for one in ("tax.py", PATH))
    assert LEAST < ran < own < 1
    assert suspicion(PATH, RAN, ["tax.py"], Evidence("it failed before", 0.5)) > ran
    assert suspicion(PATH, RAN, ["tax.py"], None, 0.9) > ran


def test_a_recorded_selection_tells_of_tests_that_it_left_out() -> None:
    """One that was recorded before this was told, or holds something else there, tells nothing."""
    assert reckoned({"near": {"t::a": 0.4}}, "t::a") == 0.4
    others: list[dict[str, object]] = [{}, {"near": {}}, {"near": []}, {"near": {"t::a": "x"}}]
    assert [reckoned(one, "t::a") for one in others] == [None] * 4


def test_a_test_without_an_entry_ran_nothing_that_is_known() -> None:
    """An entry is four bytes for each unit."""
    assert units_of(None) == frozenset()
    assert units_of(b"\x01\x00\x00\x00\x02\x00\x00\x00") == {1, 2}
