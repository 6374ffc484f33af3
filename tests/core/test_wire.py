# SPDX-License-Identifier: GPL-2.0-only
"""JSON objects as short lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.wire import WIDTH, Joiner, lines

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
