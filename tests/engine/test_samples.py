# SPDX-License-Identifier: GPL-2.0-only
"""Looks of a watch for a page: told live, and computed again from the watch's log."""

from __future__ import annotations

import json
from typing import Any

from buildbot_cd.core.immune.interval import Interval, Level, Reading
from buildbot_cd.core.immune.judge import Judge
from buildbot_cd.core.immune.record import opening
from buildbot_cd.core.immune.values import MetricKind, MetricSpec
from buildbot_cd.engine.views.samples import sample, samples_in_record

CANARY, CONTROL = frozenset({"c1", "c2"}), frozenset({"n1", "n2", "n3", "n4"})
SPECS = [MetricSpec("errors"), MetricSpec("latency", MetricKind.LEVEL)]


def interval(number: int, bad: float = 1.0, error: str = "") -> Interval:
    """One look: ten errors in a thousand requests on each host, ``bad`` times as many on the canaries."""
    if error:
        return Interval(number, 100.0 + number, provider_error=error)
    hosts = sorted(CANARY | CONTROL)
    return Interval(
        number,
        100.0 + number,
        {"errors": tuple(Reading(host, 10.0 * (bad if host in CANARY else 1), 1000.0) for host in hosts)},
        {"latency": tuple(Level(host, 0.2 if host in CANARY else 0.1) for host in hosts)},
        frozenset(hosts),
    )


def watched(looks: list[Interval]) -> tuple[list[str], list[dict[str, Any]]]:
    """A watch's log, and what was told while it went on."""
    judge = Judge(SPECS, CANARY, CONTROL, 0.001, [interval(0), interval(1)], expected_intervals=10)
    lines, told = [json.dumps(opening(judge))], []
    for one in looks:
        lines.append(json.dumps(one.to_json()))
        told.append(sample("canary", one, judge.observe(one), judge.canary, judge.control))
    return lines, told


def test_a_look_lays_canary_beside_control() -> None:
    """Rates of this look and on how much they rest, means of levels, and the judge's figures."""
    _, told = watched([interval(2, bad=3.0)])
    look = told[0]
    errors = next(one for one in look["metrics"] if one["name"] == "errors")
    latency = next(one for one in look["metrics"] if one["name"] == "latency")
    assert (errors["canary"], errors["canary_n"], errors["control"], errors["control_n"]) == (0.03, 2000, 0.01, 4000)
    assert (latency["canary"], latency["canary_n"], latency["control"]) == (0.2, 2, 0.1)
    assert (look["stage"], look["at"], look["number"], look["gap"]) == ("canary", 102.0, 2, "")
    json.dumps(told, allow_nan=False)


def test_a_gap_says_why() -> None:
    """An outage of the source is a look without numbers."""
    _, told = watched([interval(2), interval(3, error="the server is away")])
    assert told[1]["gap"] == "the server is away"
    assert {one["canary"] for one in told[1]["metrics"]} == {None}


def test_the_log_gives_what_was_told_live() -> None:
    """Computed again from the log, every look is the same, to the last digit."""
    lines, told = watched([interval(number, bad=1 + number / 10) for number in range(2, 8)])
    assert samples_in_record("canary", lines) == told


def test_a_log_that_was_cut_off_gives_the_looks_before_the_cut() -> None:
    """Half a line ends it; a log without a beginning gives nothing."""
    lines, told = watched([interval(2), interval(3), interval(4)])
    assert samples_in_record("canary", [*lines[:3], lines[3][:40]]) == told[:2]
    assert samples_in_record("canary", []) == []
    assert samples_in_record("canary", [lines[0][:50]]) == []
    assert samples_in_record("canary", ["[]"]) == []


def test_a_record_in_pieces_is_read_whole() -> None:
    """Objects that are too long for a line of a log are put together again."""
    lines, told = watched([interval(number) for number in range(2, 6)])
    pieces = [text for line in lines for text in (f"+{line[:20]}", f"+{line[20:30]}", f">{line[30:]}")]
    assert samples_in_record("canary", pieces) == told
