# SPDX-License-Identifier: GPL-2.0-only
"""Who gives way on a worker that two runs share: the gate goes before a try, and a try before the backstop.

A chunk that runs is never cut off; between two of them the lower class waits, but not for ever.
"""

from __future__ import annotations

CLASSES: tuple[frozenset[str], ...] = (
    frozenset({"gate", "retry", "base", "stress"}),
    frozenset({"try"}),
    frozenset({"bisect"}),
    frozenset({"backstop", "rolling"}),
)
"""Kinds of runs, the first class first."""

PATIENCE = (0.0, 60.0, 600.0, 1800.0)
"""Seconds for which each class gives way at a time; then it has one chunk."""


def before(kind: str) -> frozenset[str]:
    """The kinds of runs that go before this one; a kind that is not known gives way to all others."""
    found: frozenset[str] = frozenset()
    for one in CLASSES:
        if kind in one:
            return found
        found |= one
    return found


def waits(kind: str, waited: float) -> bool:
    """Whether a shard that has waited for so many seconds gives way once more."""
    own = next((number for number, one in enumerate(CLASSES) if kind in one), len(CLASSES) - 1)
    return waited < PATIENCE[own]
