# SPDX-License-Identifier: GPL-2.0-only
"""How fast workers are: learnt from what their tests took against what was expected of them.

Kept is the mean of ln(expected / taken) over a worker's tests; it is trusted by degrees, as if every worker had shown
the pool's mean speed in twenty tests before its first one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PSEUDO_TESTS = 20
MEMORY = 500
"""The mean follows the last so many tests: a machine may be replaced under its name."""
REACH = 1.5
"""One test counts for at most a factor of exp(1.5): its own estimate may be nonsense."""
LEAST_SECONDS = 0.02
"""What is shorter says more of the clock than of the machine."""


@dataclass(frozen=True, slots=True)
class Speed:
    """``mean`` of ln(speed) over ``n`` tests; ``overhead`` seconds that a chunk costs beside them, None unknown."""

    mean: float = 0.0
    n: int = 0
    overhead: float | None = None

    @property
    def log(self) -> float:
        """ln(speed), shrunk towards 0 while little is known."""
        return self.mean * self.n / (self.n + PSEUDO_TESTS)


def watched(speed: Speed, pairs: Iterable[tuple[float, float]]) -> Speed:
    """The speed after tests of which (expected seconds at speed 1, seconds taken) are given.

    Only tests whose duration is known should be given. Pairs that are too short to tell anything are passed over.
    """
    mean, n = speed.mean, speed.n
    for expected, taken in pairs:
        if not (math.isfinite(expected) and math.isfinite(taken)) or min(expected, taken) < LEAST_SECONDS:
            continue
        off = math.log(expected / taken)
        off = min(max(off, mean - REACH), mean + REACH)
        mean += (off - mean) / min(n + 1, MEMORY)
        n = min(n + 1, MEMORY)
    return Speed(mean, n, speed.overhead)


def with_overhead(speed: Speed, wall: float, tests: float) -> Speed:
    """The speed after a chunk that took ``wall`` seconds, of which its tests took ``tests``."""
    rest = min(max(wall - tests, 0.0), 60.0)
    smooth = rest if speed.overhead is None else speed.overhead + 0.2 * (rest - speed.overhead)
    return Speed(speed.mean, speed.n, smooth)


def relative(speeds: Mapping[str, Speed], names: Iterable[str]) -> dict[str, float]:
    """By name the factor against the mean of these workers; 1 for one of which nothing is known."""
    logs = {name: speeds[name].log if name in speeds else 0.0 for name in names}
    middle = sum(logs.values()) / len(logs) if logs else 0.0
    return {name: math.exp(log - middle) for name, log in logs.items()}
