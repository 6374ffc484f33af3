# SPDX-License-Identifier: GPL-2.0-only
"""When a test begins anew beside itself, so that harm that sets in late is not drowned by the quiet time before.

A leak that begins after three minutes first has to win back what the bet lost in three minutes without harm. A process
that begins anew at that time has nothing to win back. The weighted mean of a process and of later copies of itself is
still an e-process; the price is the weight: most of it stays with the process that sees everything.
"""

from __future__ import annotations

from dataclasses import dataclass

_LATER = 0.3
"""Weight of all later copies together."""

_MOST = 8
_APART = 10
"""Intervals between two beginnings, at least; a shorter watch has no late."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`after`: the numbers of intervals after which a copy begins; `weights`: theirs. `first` is the rest of 1."""

    after: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def first(self) -> float:
        """Weight of the process that sees the whole watch."""
        return 1.0 - sum(self.weights)

    @classmethod
    def of(cls, expected: int | None) -> Schedule:
        """Evenly over a watch of `expected` intervals; where the end is open, at doubling times."""
        if expected is None:
            after = tuple(_APART * 2**k for k in range(_MOST + 4))
            return cls(after, tuple(_LATER * 2.0 ** -(k + 1) for k in range(len(after))))
        number = min(_MOST, expected // _APART - 1)
        if number < 1:
            return cls()
        after = tuple(expected * (k + 1) // (number + 1) for k in range(number))
        return cls(after, (_LATER / number,) * number)
