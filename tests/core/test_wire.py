# SPDX-License-Identifier: GPL-2.0-only
"""JSON objects as short lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.wire import WIDTH, Joiner, lines, spread

VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=4 * WIDTH), max_size=3)


@given(st.lists(VALUES, max_size=4), st.lists(st.text(alphabet="ab{}+ >", max_size=8), max_size=4))
def test_every_object_arrives_as_it_was_sent(values: list[dict[str, str]], talk: list[str]) -> None:
    """Objects of any length come through short ASCII lines, whatever else is printed between them."""
    joiner, got = Joiner(), []
    for value in values:
        sent = lines(value)
        assert all(len(line) <= WIDTH + 1 and line.isascii() and "\n" not in line for line in sent)
        got += [found for found in map(joiner.feed, sent) if found is not None]
    assert got == values
    for noise in talk:
        joiner.feed(noise)


def test_other_talk_is_ignored() -> None:
    """What is not JSON, or not an object, is nobody's answer."""
    joiner = Joiner()
    assert [joiner.feed(line) for line in ("hello", "{half", "[1]", ">oops", '{"a":1}')] == [None] * 4 + [{"a": 1}]


def test_an_event_of_many_tests_stands_for_their_results() -> None:
    """Each test of a ``passed`` event has passed; any other event stands for itself."""
    event = {"event": "passed", "file": "pytest:t/test_a.py", "tests": [["test_1", 0.5], ["T::test_2[a::b]", 0]]}
    same = {"event": "result", "outcome": "passed", "text": ""}
    assert spread(event) == [
        {**same, "nid": "pytest:t/test_a.py::test_1", "seconds": 0.5},
        {**same, "nid": "pytest:t/test_a.py::T::test_2[a::b]", "seconds": 0},
    ]
    assert spread({"event": "end"}) == [{"event": "end"}]


def test_an_event_of_many_tests_that_is_damaged_loses_what_is_damaged() -> None:
    """Nothing is raised: what a worker sends may be anything."""
    assert spread({"event": "passed"}) == []
    assert spread({"event": "passed", "file": "f", "tests": "all"}) == []
    assert [one["nid"] for one in spread({"event": "passed", "file": "f", "tests": [1, ["a"], ["b", 1]]})] == ["f::b"]
