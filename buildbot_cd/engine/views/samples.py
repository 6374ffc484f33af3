# SPDX-License-Identifier: GPL-2.0-only
"""What a watch saw, look by look: canary beside control, with the judge's figures; small enough for a page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.immune.interval import Interval
from buildbot_cd.core.immune.record import reopen
from buildbot_cd.core.immune.values import Verdict
from buildbot_cd.core.wire import Joiner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from buildbot_cd.core.immune.values import MetricEvidence


def sample(
    stage: str, interval: Interval, verdict: Verdict, canary: Collection[str], control: Collection[str]
) -> dict[str, Any]:
    """One look of the judge at the stage's hosts."""
    return {
        "stage": stage,
        "at": interval.time,
        "number": interval.number,
        "gap": interval.provider_error,
        "kind": verdict.kind.value,
        "log_e": _finite(verdict.log_e),
        "needed": verdict.needed,
        "metrics": [_metric(one, interval, canary, control) for one in verdict.metrics],
    }


def _metric(
    evidence: MetricEvidence, interval: Interval, canary: Collection[str], control: Collection[str]
) -> dict[str, Any]:
    new, new_n = _seen(interval, evidence.name, canary)
    old, old_n = _seen(interval, evidence.name, control)
    return {
        "name": evidence.name,
        "canary": new,
        "control": old,
        "canary_n": new_n,
        "control_n": old_n,
        "ratio": _finite(evidence.ratio),
        "log_e": _finite(evidence.log_e),
        "visible": _finite(evidence.visible),
    }


def _finite(value: float | None) -> float | None:
    """JSON has no infinity, and browsers refuse it."""
    return value if value is not None and math.isfinite(value) else None


def _seen(interval: Interval, metric: str, hosts: Collection[str]) -> tuple[float | None, float]:
    """The rate, or the mean of the levels, of these hosts in this look, and on how much it rests."""
    if metric in interval.counts:
        mine = [one for one in interval.counts[metric] if one.host in hosts]
        exposure = sum(one.exposure for one in mine)
        return (sum(one.events for one in mine) / exposure if exposure else None), exposure
    levels = [one.value for one in interval.levels.get(metric, ()) if one.host in hosts]
    return (sum(levels) / len(levels) if levels else None), float(len(levels))


def samples_in_record(stage: str, lines: Sequence[str]) -> list[dict[str, Any]]:
    """The looks of a watch from its log ``samples``, judged again as they were judged then.

    What cannot be read ends it: a log that was cut off gives the looks before the cut.
    """
    objects = objects_in(lines)
    head = next(objects, None)
    try:
        judge = reopen([head] if head is not None else [])
    except (ValueError, KeyError, TypeError):
        return []
    found = []
    for one in objects:
        interval = Interval.from_json(one)
        verdict = judge.observe(interval)
        found.append(sample(stage, interval, verdict, judge.canary, judge.control))
    return found


def objects_in(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects of a log ``samples``, up to where it was cut off."""
    joiner = Joiner()
    for line in lines:
        value = joiner.feed(line)
        if value is not None:
            yield value
        elif line[:1] not in ("+", ">"):  # only a log that was cut off has a line that is neither
            return
