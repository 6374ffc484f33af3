# SPDX-License-Identifier: GPL-2.0-only
"""How much a worker takes at once: much at first, little at the end (guided self-scheduling)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ready(NamedTuple):
    """A test that may run now."""

    nid: str
    seconds: float
    rank: float
    group: str | None = None


def chunk_seconds(
    remaining_seconds: float, active_workers: int, overhead_seconds: float, k: float = 1.5, minimum: float = 1.0
) -> float:
    """How long a chunk may be: max(minimum, 2 k overhead, remaining / (k workers)).

    ``overhead_seconds`` is what a chunk costs beside its tests (process start and the master's round trip).
    The shares R/(k m) shrink geometrically, so some k ln(R / (m minimum)) chunks a worker are paid for; adding the idle
    time of the last chunk, minimum / 2, and setting the derivative to zero gives 2 k overhead as the least worthy size.
    """
    share = remaining_seconds / (k * max(active_workers, 1))
    return max(minimum, 2 * k * overhead_seconds, share)


def chunk(
    ready: Sequence[Ready],
    remaining_seconds: float,
    active_workers: int,
    overhead_seconds: float,
    k: float = 1.5,
    minimum: float = 1.0,
) -> tuple[str, ...]:
    """The nids that the asking worker takes, longest way to the end first.

    ``remaining_seconds`` is the estimate of all that nobody took yet, ready or not; ``active_workers`` all that will
    ask, also those that have not done so yet: alone the first one would take far too much. Tests are added in order
    while they fit into `chunk_seconds`; one that is longer travels alone. The ready tests of a group go together.
    """
    size = chunk_seconds(remaining_seconds, active_workers, overhead_seconds, k, minimum)
    taken: list[str] = []
    total = 0.0
    for seconds, nids in _units(ready):
        if taken and total + seconds > size:
            break
        taken += nids
        total += seconds
    return tuple(taken)


def _units(ready: Sequence[Ready]) -> list[tuple[float, list[str]]]:
    """What travels together, in order: (seconds, nids). Equal ranks keep the order in which they are given."""
    units: dict[tuple[bool, str], list[Ready]] = {}
    for test in ready:
        key = (False, test.nid) if test.group is None else (True, test.group)
        units.setdefault(key, []).append(test)
    ordered = sorted(units.values(), key=lambda unit: (-max(t.rank for t in unit), -sum(t.seconds for t in unit)))
    return [(sum(test.seconds for test in unit), [test.nid for test in unit]) for unit in ordered]
