# SPDX-License-Identifier: GPL-2.0-only
"""What is known when workers ask: the workers, what may run, and what waits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ready(NamedTuple):
    """A test that may run now; ``seconds`` and ``rank`` as on a worker of speed 1.

    ``avoid`` is a worker that must not take it (it failed there), ``alone`` whether a worker died in it before.
    """

    nid: str
    seconds: float
    rank: float
    group: str | None = None
    avoid: str | None = None
    alone: bool = False


class Waiting(NamedTuple):
    """A test that waits for others: for ``unmet`` of the nids in ``requires``."""

    test: Ready
    requires: tuple[str, ...]
    unmet: int


@dataclass(frozen=True, slots=True)
class Asker:
    """A worker that asks; ``speed`` 1 is the pool's mean, 2 is twice as fast."""

    name: str
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Other:
    """Another worker of the run: ``left`` are the estimated seconds (at speed 1) of what it holds.

    ``left`` is infinite for a worker that will come, nobody knows when.
    """

    speed: float = 1.0
    left: float = math.inf

    @property
    def free_in(self) -> float:
        """Seconds until it will ask."""
        return self.left / self.speed


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be taken: ``ready`` and ``waiting`` by falling rank, ``remaining`` seconds of all that nobody took yet.

    Of long queues only the beginning needs to be here. ``others`` are the workers of the run that do not ask now.
    """

    ready: Sequence[Ready]
    remaining: float
    others: Sequence[Other] = ()
    waiting: Sequence[Waiting] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a chunk's size follows from what is left.

    ``overhead`` are the seconds that a chunk costs beside its tests; ``k`` is into how many parts each worker's share
    of the rest is cut; no chunk is shorter than ``least`` seconds.
    """

    overhead: float
    k: float
    least: float


def warm(overhead: float) -> Pace:
    """For a runner that stays: it goes on during the way to the master and back, which a chunk should outlast."""
    return Pace(overhead, 2.0, max(0.5, 2 * overhead))


def restarted(overhead: float) -> Pace:
    """For a runner that is started anew for every chunk.

    The shares R/(k m) shrink geometrically, so some k ln(R / (m least)) chunks a worker are paid for; adding the idle
    time of the last chunk, least / 2, and setting the derivative to zero gives 2 k overhead as the least worthy size.
    """
    return Pace(overhead, 1.5, max(1.0, 3 * overhead))


def to_the_end(pace: Pace, seconds: float, workers: int) -> Pace:
    """The pace where each of the workers has less than two of the shortest chunks of the rest: one takes all of it.

    ``seconds`` of tests are left. A remainder would cost another way there and back, and go to whoever asks first.
    """
    part = seconds / max(workers, 1)
    return Pace(pace.overhead, 1.0, max(pace.least, part)) if part < 2 * pace.least else pace
