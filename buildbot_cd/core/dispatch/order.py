# SPDX-License-Identifier: GPL-2.0-only
"""The order of a run's queue: the longest way to the end first, unseen tests early, groups together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from buildbot_cd.core.dispatch.estimates import expected
from buildbot_cd.core.dispatch.ranks import ranks
from buildbot_cd.core.dispatch.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.estimates import Estimate

__all__ = ["Queued", "Work", "order"]


class Queued(NamedTuple):
    """A test's place in the queue: ``seconds`` it is expected to take; ``rank`` decides, ``position`` breaks ties."""

    nid: str
    seconds: float
    rank: float
    position: int


def order(works: Sequence[Work], estimates: Mapping[str, Estimate]) -> list[Queued]:
    """The queue, best first; positions count from 0.

    Ranks are made of what three of four runs stay under, loads (``seconds``) of what is expected on average. A test
    that was never seen may be long: it goes before three quarters of the seen ones. A group counts as one long test.
    Raises SelectionError if requirements go in a circle.
    """
    seconds = expected(works, estimates)
    late = {nid: estimates[nid].late_seconds if nid in estimates else guess for nid, guess in seconds.items()}
    least = _groups(works, late)
    plain = ranks(works, late, least)
    unseen = {work.nid for work in works if work.nid not in estimates}
    if unseen and len(unseen) < len(works):
        early = _first_quarter([plain[work.nid] for work in works if work.nid not in unseen])
        least |= {nid: max(early, least.get(nid, 0.0)) for nid in unseen}
        plain = ranks(works, late, least)
    known = [(work.nid not in unseen) for work in works]
    keyed = sorted(
        range(len(works)),
        key=lambda at: (-plain[works[at].nid], known[at], works[at].group or "", works[at].path, at),
    )
    return [
        Queued(works[at].nid, seconds[works[at].nid], plain[works[at].nid], position)
        for position, at in enumerate(keyed)
    ]


def _groups(works: Sequence[Work], seconds: Mapping[str, float]) -> dict[str, float]:
    """By nid, the seconds of the whole group that it belongs to."""
    members: dict[str, list[float]] = {}
    for work in works:
        if work.group is not None:
            members.setdefault(work.group, []).append(seconds[work.nid])
    # Exact sums: the same in whatever order the tests were collected.
    total = {group: math.fsum(each) for group, each in members.items()}
    return {work.nid: total[work.group] for work in works if work.group is not None}


def _first_quarter(values: list[float]) -> float:
    """The rank of the first test behind the best quarter."""
    return sorted(values, reverse=True)[len(values) // 4]
