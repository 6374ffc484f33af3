# SPDX-License-Identifier: GPL-2.0-only
"""Ranks: how long the longest way takes from a test's start to the end of all that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.work import Work


_SHOWN = 8
"""A longer circle is told with its middle left out."""


def ranks(
    works: Sequence[Work], seconds: Mapping[str, float], least: Mapping[str, float] | None = None
) -> dict[str, float]:
    """By nid, seconds[nid] + the largest rank of what requires it, but never under ``least[nid]``.

    The rule of list scheduling with precedence: who has the longest way to the exit goes first. Raises SelectionError
    if requirements go in a circle.
    """
    floor = least or {}
    present = {work.nid for work in works}
    needs = {work.nid: [nid for nid in dict.fromkeys(work.requires) if nid in present] for work in works}
    waiting = dict.fromkeys(present, 0)
    for needed in needs.values():
        for nid in needed:
            waiting[nid] += 1
    behind = dict.fromkeys(present, 0.0)
    found: dict[str, float] = {}
    exits = [work.nid for work in works if not waiting[work.nid]]
    while exits:
        nid = exits.pop()
        found[nid] = max(seconds[nid] + behind[nid], floor.get(nid, 0.0))
        for before in needs[nid]:
            behind[before] = max(behind[before], found[nid])
            waiting[before] -= 1
            if not waiting[before]:
                exits.append(before)
    if len(found) != len(present):
        ring = _circle({nid: needed for nid, needed in needs.items() if nid not in found})
        raise SelectionError(f"tests require each other in a circle: {ring}; take one of these requirements away")
    return found


def _circle(needs: Mapping[str, Sequence[str]]) -> str:
    """One circle among tests each of which is required by another of them, as ``a -> b -> a``."""
    by = {needed: nid for nid, names in needs.items() for needed in names if needed in needs}
    nid = min(needs)
    way: dict[str, None] = {}
    while nid not in way:
        way[nid] = None
        nid = by[nid]
    ring = [*way][list(way).index(nid) :]
    ring = [nid, *reversed(ring)]
    return " -> ".join(ring if len(ring) <= _SHOWN else [*ring[:4], f"({len(ring) - _SHOWN} more)", *ring[-4:]])
