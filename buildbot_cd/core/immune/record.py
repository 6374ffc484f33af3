# SPDX-License-Identifier: GPL-2.0-only
"""The record of a watch: all inputs of a verdict as JSON objects, one opening and then one for each interval.

Written one per line it is a log from which the verdict can be computed again, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.immune.interval import Interval
from buildbot_cd.core.immune.judge import Judge
from buildbot_cd.core.immune.seasonal import Season
from buildbot_cd.core.immune.values import MetricSpec, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1


def opening(judge: Judge) -> dict[str, Any]:
    """The first object of a record: the judge's arguments."""
    return {
        "format": FORMAT,
        "specs": [spec.to_json() for spec in judge.specs],
        "canary": sorted(judge.canary),
        "control": sorted(judge.control),
        "false_alarm": judge.false_alarm,
        "expected_intervals": judge.expected_intervals,
        "tolerance": judge.tolerance,
        "seasons": [season.to_json() for season in judge.seasons.values()],
        "baseline": [interval.to_json() for interval in judge.baseline],
    }


def reopen(record: Iterable[Mapping[str, Any]]) -> Judge:
    """The judge as it was after the last object of `record`; it can go on observing from there.

    Raises ValueError when the record is empty or of another format.
    """
    objects = iter(record)
    head = next(objects, None)
    if head is None or head.get("format") != FORMAT:
        raise ValueError(f"not the record of a watch: it must begin with an opening of format {FORMAT}")
    judge = Judge(
        [MetricSpec.from_json(spec) for spec in head["specs"]],
        frozenset(head["canary"]),
        frozenset(head["control"]),
        head["false_alarm"],
        [Interval.from_json(interval) for interval in head["baseline"]],
        expected_intervals=head["expected_intervals"],
        tolerance=head["tolerance"],
        seasons=[Season.from_json(season) for season in head.get("seasons", ())],
    )
    for interval in objects:
        judge.observe(Interval.from_json(interval))
    return judge


def replay(record: Iterable[Mapping[str, Any]]) -> Verdict:
    """The verdict that the record leads to."""
    return reopen(record).verdict()
