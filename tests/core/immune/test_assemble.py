# SPDX-License-Identifier: GPL-2.0-only
"""From cumulated counters to intervals."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.immune import CounterBook, IntervalBuilder, Level, MetricInput, Reading

VALUES = st.floats(0, 1e12, allow_nan=False)
COUNTERS = st.dictionaries(st.sampled_from("abc"), VALUES)


@given(st.lists(st.dictionaries(st.sampled_from(["h1", "h2"]), COUNTERS), max_size=8))
def test_increments_are_never_negative(readings: Any) -> None:
    """Whatever resets, vanishes or appears, no increment is negative."""
    book = CounterBook()
    for reading in readings:
        for added in book.advance(reading).values():
            assert all(value >= 0 for value in added.values())


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.booleans(), st.booleans()), min_size=1))
def test_nothing_is_lost_or_counted_twice(steps: Any) -> None:
    """Over missed readings the increments add up to what happened; a restart that was seen loses only its gap."""
    book = CounterBook()
    book.advance({"h": {"requests": 0.0, "errors": 0.0}})
    now, pending, total, happened = [0, 0], [0, 0], [0.0, 0.0], [0, 0]
    for requests, errors, missed, restarted in steps:
        if restarted:
            # Without a reading that shows the drop a restart cannot be told, so one follows at once.
            now, pending = [0, 0], [0, 0]
            added = book.advance({"h": {"requests": 0.0, "errors": 0.0}})["h"]
            assert set(added.values()) == {0.0}
        now = [now[0] + requests, now[1] + errors]
        pending = [pending[0] + requests, pending[1] + errors]
        if not missed:
            added = book.advance({"h": {"requests": float(now[0]), "errors": float(now[1])}})["h"]
            total = [total[0] + added["requests"], total[1] + added["errors"]]
            happened = [happened[0] + pending[0], happened[1] + pending[1]]
            pending = [0, 0]
    assert total == happened


def test_restart_is_recognised_by_any_counter() -> None:
    """When one counter fell, the others began anew too, even one that is above its old value already."""
    book = CounterBook()
    book.advance({"h": {"requests": 1000.0, "errors": 2.0}})
    assert book.advance({"h": {"requests": 10.0, "errors": 5.0}}) == {"h": {"requests": 10.0, "errors": 5.0}}
    assert book.advance({"h": {"requests": 12.0}}) == {"h": {"requests": 12.0}}
    assert book.advance({"h": {"requests": 14.0, "errors": 1.0}}) == {"h": {"requests": 2.0, "errors": 1.0}}


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_counters_are_refused(value: Any) -> None:
    """A counter that cannot be is refused with host and name."""
    with pytest.raises(ValueError, match="host h: counter c"):
        CounterBook().advance({"h": {"c": value}})


def test_intervals_of_all_kinds() -> None:
    """Events per requests, events per second and levels come out of the same readings."""
    builder = IntervalBuilder(
        [
            MetricInput("errors", events="err", per="req"),
            MetricInput("traffic", events="req"),
            MetricInput("load", value="load1"),
        ]
    )
    first = builder.add(100.0, {"h": {"req": 50.0, "err": 1.0, "load1": 0.5}})
    assert first.counts == {"errors": (), "traffic": ()}
    assert first.levels == {"load": (Level("h", 0.5),)}
    second = builder.add(105.0, {"h": {"req": 70.0, "err": 2.0, "load1": float("nan")}, "new": {"req": 9.0}})
    assert second.number == first.number + 1
    assert second.counts["errors"] == (Reading("h", 1.0, 20.0),)
    assert second.counts["traffic"] == (Reading("h", 20.0, 5.0),)
    assert second.levels == {"load": ()}
    assert second.answered == {"h", "new"}
    missed = builder.add(110.0, {"new": {"req": 10.0}})
    assert missed.counts["errors"] == (Reading("new", 0.0, 1.0),)  # a host without the counter had no event
    later = builder.add(115.0, {"h": {"req": 90.0, "err": 2.0}})
    assert later.counts["traffic"] == (Reading("h", 20.0, 10.0),)


def test_name_that_nobody_exports_gives_no_readings() -> None:
    """A counter that no host ever exported is unknown, not zero, unless it was said to be."""
    strict = IntervalBuilder([MetricInput("errors", events="errr", per="req")])
    lenient = IntervalBuilder([MetricInput("errors", events="errr", per="req", absent_is_zero=True)])
    for builder, expected in ((strict, ()), (lenient, (Reading("h", 0.0, 1.0),))):
        builder.add(1.0, {"h": {"req": 1.0}})
        assert builder.add(2.0, {"h": {"req": 2.0}}).counts["errors"] == expected


def test_impossible_counter_leaves_only_its_host_out() -> None:
    """A negative counter makes its host one that did not answer; numbering can go on from a record's end."""
    builder = IntervalBuilder([MetricInput("errors", events="err", per="req")], last_number=7)
    builder.add(1.0, {"a": {"req": 1.0, "err": 0.0}, "b": {"req": 1.0, "err": 0.0}})
    interval = builder.add(2.0, {"a": {"req": 2.0, "err": 1.0}, "b": {"req": 2.0, "err": -1.0}})
    assert interval.number == 9
    assert interval.answered == {"a"}
    assert interval.counts["errors"] == (Reading("a", 1.0, 1.0),)


def test_input_needs_one_source() -> None:
    """A metric without a source, or with two, is refused."""
    for names in ({}, {"events": "a", "value": "b"}):
        with pytest.raises(ValueError, match="either events or value"):
            MetricInput("m", **names)
