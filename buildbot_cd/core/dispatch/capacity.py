# SPDX-License-Identifier: GPL-2.0-only
"""How many workers are enough: recorded runs, played again through the production rule on other numbers of workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch.bound import lower_bound
from buildbot_cd.core.dispatch.estimates import quantile
from buildbot_cd.core.dispatch.offer import warm
from buildbot_cd.core.dispatch.order import Queued
from buildbot_cd.core.dispatch.ranks import ranks
from buildbot_cd.core.dispatch.replay import Machines, play

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.work import Work


SHARE = 0.95
"""Of the runs so many should keep the budget."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run as it was: its tests, what was expected of them, and what they took on a worker of speed 1."""

    works: Sequence[Work]
    expected: Mapping[str, float]
    took: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Split:
    """A test worth dividing: ``seconds`` it takes, ``gain`` by which runs would be shorter if it were in two."""

    nid: str
    seconds: float
    gain: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """``workers`` are enough, None if no number is; ``tried`` has (workers, median, 95th percentile of the seconds)."""

    workers: int | None
    tried: tuple[tuple[int, float, float], ...]


def seconds_on(run: Recorded, workers: int, start: float, overhead: float) -> float:
    """How long the run takes on so many equal workers."""
    rank = ranks(run.works, run.expected)
    ordered = sorted(run.works, key=lambda work: -rank[work.nid])
    queue = [Queued(one.nid, run.expected[one.nid], rank[one.nid], place) for place, one in enumerate(ordered)]
    machines = Machines({f"w{number}": 1.0 for number in range(workers)}, start, warm(overhead))
    return play(run.works, queue, run.took, machines).makespan


def usual_and_late(runs: Sequence[Recorded], workers: int, start: float, overhead: float) -> tuple[float, float]:
    """The median and the 95th percentile of what the runs take on so many workers."""
    times = [seconds_on(run, workers, start, overhead) for run in runs]
    return quantile(times, 0.5), quantile(times, SHARE)


def enough(runs: Sequence[Recorded], budget: float, most: int, start: float, overhead: float) -> Capacity:
    """The least number of workers, up to ``most``, on which 95 of 100 runs keep the budget (seconds)."""
    tried: dict[int, tuple[float, float]] = {}

    def fits(workers: int) -> bool:
        tried[workers] = usual_and_late(runs, workers, start, overhead)
        return tried[workers][1] <= budget

    low, high = 1, 1
    while not fits(high):
        if high >= most:
            return Capacity(None, _rows(tried))
        low, high = high + 1, min(2 * high, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return Capacity(high, _rows(tried))


def _rows(tried: Mapping[int, tuple[float, float]]) -> tuple[tuple[int, float, float], ...]:
    return tuple((workers, *tried[workers]) for workers in sorted(tried))


def splits(runs: Sequence[Recorded], workers: int, most: int = 5) -> list[Split]:
    """The tests that make runs longer than their work, spread evenly, would; those that gain most first."""
    gains: dict[str, list[float]] = {}
    longest: dict[str, float] = {}
    for run in runs:
        even = sum(run.took.values()) / workers
        bound = lower_bound(run.works, run.took, [1.0] * workers).seconds
        for nid, took in run.took.items():
            if took > even and took >= bound * (1 - 1e-9):
                halved = {**run.took, nid: took / 2}
                shorter = bound - lower_bound(run.works, halved, [1.0] * workers).seconds
                gains.setdefault(nid, []).append(shorter)
                longest[nid] = max(longest.get(nid, 0.0), took)
    found = [Split(nid, longest[nid], sum(each) / len(runs)) for nid, each in gains.items()]
    return sorted(found, key=lambda one: (-one.gain, one.nid))[:most]
