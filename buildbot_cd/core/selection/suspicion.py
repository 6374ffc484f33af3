# SPDX-License-Identifier: GPL-2.0-only
"""How much a landing is suspected of having broken a test, before anything ran: the selector's own evidence.

Where the search for a culprit begins depends on it, not where it ends: a wrong suspicion costs probes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from buildbot_cd.core.selection.function_map import FILE, key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from buildbot_cd.core.selection.reached import Evidence

LEAST = 0.05
"""Of a landing against which nothing speaks: a map may be stale, and a change may act in ways that nobody saw."""

ITSELF = 0.9
"""The test's own file changed."""

FILES = 0.4
"""The test ran something of a changed file, or opened it; which functions changed is not known any more."""


def units_of(blob: bytes | None) -> frozenset[int]:
    """The keys in what the map keeps of a test; none if it has no entry."""
    return frozenset(np.frombuffer(blob or b"", dtype="<u4").tolist())


def suspicion(
    path: str,
    units: Collection[int],
    files: Iterable[str],
    failed: Evidence | None = None,
    chance: float | None = None,
) -> float:
    """Between 0 and 1. ``path`` is the test's file and ``units`` what it ran; ``files`` are what the landing changed.

    ``failed`` is what the history says of the test and such files, ``chance`` what the selection of that landing had
    reckoned for it, if it had.
    """
    changed = list(files)
    missed = (1 - LEAST) * (1 - (chance or 0.0))
    if path in changed:
        missed *= 1 - ITSELF
    elif any(key(one, FILE) in units for one in changed):
        missed *= 1 - FILES
    return 1 - missed * (1 - (failed.probability if failed is not None else 0.0))


def reckoned(selection: Mapping[str, object], nid: str) -> float | None:
    """The probability that a recorded selection gives for the test, None if it gives none."""
    near = selection.get("near")
    if isinstance(near, dict) and isinstance(near.get(nid), int | float):
        return float(near[nid])
    return None
