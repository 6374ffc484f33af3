# SPDX-License-Identifier: GPL-2.0-only
"""Peers that divide the tests before the first one runs: pytest-split's own algorithms, and longest-first by hand."""

from __future__ import annotations

import heapq
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_split.algorithms import Algorithms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def ends(groups: Iterable[Iterable[str]], actual: Mapping[str, float], speeds: Sequence[float], start: float) -> float:
    """When the last of the groups ends, each on its own worker, in one process that is started once."""
    return max(start + sum(actual[nid] for nid in group) / speed for group, speed in zip(groups, speeds, strict=True))


def split(name: str, nids: Sequence[str], believed: Mapping[str, float], count: int) -> list[list[str]]:
    """The groups that pytest-split makes: ``name`` is least_duration or duration_based_chunks."""
    items: Any = [SimpleNamespace(nodeid=nid) for nid in nids]
    groups = Algorithms[name].value(count, items, dict(believed))
    return [[item.nodeid for item in group.selected] for group in groups]


def longest_first(nids: Sequence[str], believed: Mapping[str, float], count: int) -> list[list[str]]:
    """Each test, the longest first, to the worker that has least."""
    groups: list[list[str]] = [[] for _ in range(count)]
    heap = [(0.0, number) for number in range(count)]
    for nid in sorted(nids, key=lambda one: -believed[one]):
        load, number = heapq.heappop(heap)
        groups[number].append(nid)
        heapq.heappush(heap, (load + believed[nid], number))
    return groups
