# SPDX-License-Identifier: GPL-2.0-only
"""What no schedule can beat, which of its terms binds, and what would help."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch.ranks import ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.work import Work

_SHOWN = 5
"""Tests of a chain that the advice names."""


class Binding(StrEnum):
    """The term that decides."""

    TOTAL = "total"
    LONGEST = "longest"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class LowerBound:
    """``seconds`` that any schedule needs at least, the term that makes it so, and what would help, in one sentence."""

    seconds: float
    binding: Binding
    advice: str


def lower_bound(
    works: Sequence[Work], seconds: Mapping[str, float], speeds: Sequence[float], start_seconds: float = 0.0
) -> LowerBound:
    """max(sum of all / sum of speeds, longest test or group / fastest, longest chain / fastest) + start.

    ``seconds`` are on a worker of speed 1, ``speeds`` one number a worker (there must be one), ``start_seconds`` what a
    worker needs before its first test. Raises SelectionError if requirements go in a circle.
    """
    if not works:
        return LowerBound(0.0, Binding.TOTAL, "there is nothing to run")
    fastest = max(speeds)
    total = sum(seconds[work.nid] for work in works) / sum(speeds)
    name, length = longest_unit(works, seconds)
    longest = length / fastest
    rank = ranks(works, seconds)
    path = max(rank.values()) / fastest
    # Sums in another order differ in the last digits: a chain of one test is no chain.
    if path > longest * (1 + 1e-9) and path > total:
        chain = _chain(works, rank)
        return LowerBound(path + start_seconds, Binding.PATH, _path_advice(chain, path))
    if longest > total:
        advice = f"more workers will not help: split {name}, which takes {longest:.1f} s by itself"
        return LowerBound(longest + start_seconds, Binding.LONGEST, advice)
    return LowerBound(
        total + start_seconds, Binding.TOTAL, _total_advice(len(speeds), total * sum(speeds), longest, path)
    )


def longest_unit(works: Sequence[Work], seconds: Mapping[str, float]) -> tuple[str, float]:
    """What cannot be divided and takes longest, with its seconds: a test, or a group.

    Of a group only the tests that wait for nothing in the run are sure to travel together: the others become ready
    later, and then another worker may take them.
    """
    present = {work.nid for work in works}
    lengths: dict[str, float] = {}
    for work in works:
        together = work.group is not None and present.isdisjoint(work.requires)
        name = f"group {work.group}" if together else work.nid
        lengths[name] = lengths.get(name, 0.0) + seconds[work.nid]
    return max(lengths.items(), key=lambda item: item[1])


def _total_advice(workers: int, work: float, longest: float, path: float) -> str:
    """``work`` in seconds at speed 1; beyond work / longest workers another term binds."""
    busy = "1 worker is" if workers == 1 else f"all {workers} workers are"
    useful = math.ceil(work / max(longest, path, 1e-9))
    more = f"up to {useful} would shorten it" if useful > workers else "more of them would shorten it little"
    return f"{busy} busy to the end: {more}"


def _chain(works: Sequence[Work], rank: Mapping[str, float]) -> list[str]:
    """The longest chain, in the order in which it runs."""
    after: dict[str, list[str]] = {}
    for work in works:
        for nid in work.requires:
            after.setdefault(nid, []).append(work.nid)
    chain = [max(rank, key=lambda nid: rank[nid])]
    while after.get(chain[-1]):
        chain.append(max(after[chain[-1]], key=lambda nid: rank[nid]))
    return chain


def _path_advice(chain: list[str], path: float) -> str:
    shown = chain if len(chain) <= _SHOWN else [*chain[: _SHOWN - 1], f"({len(chain) - _SHOWN} more)", chain[-1]]
    return f"more workers will not help: these wait for each other for {path:.1f} s: {' -> '.join(shown)}"
