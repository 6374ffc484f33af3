# SPDX-License-Identifier: GPL-2.0-only
"""What is known when workers ask: the workers, what may run, and what waits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


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
    """A worker that asks; ``speed`` 1 is the pool's mean, 2 is twice as fast.

    ``holds`` are tests that it took before and does first, in their order; it does not do what follows a failed one.
    ``keeps_order`` is False for a worker whose runner has an order of its own and knows nothing of requirements.
    """

    name: str
    speed: float = 1.0
    holds: Collection[str] = ()
    keeps_order: bool = True


@dataclass(frozen=True, slots=True)
class Other:
    """Another worker of the run: ``left`` are the estimated seconds (at speed 1) of what it holds.

    ``left`` is infinite for a worker that will come, nobody knows when; ``pause`` are the seconds after which one that
    had nothing to do asks again.
    """

    speed: float = 1.0
    left: float = math.inf
    pause: float = 0.0

    @property
    def free_in(self) -> float:
        """Seconds until it will ask."""
        return self.pause + self.left / self.speed


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


OFFERED = 100
"""A claim is shown so many tests,"""

OFFERED_EACH = 20
"""and so many more for each that asks: but at least enough for their chunks,"""

SPARE = 1.1
"""and a tenth of that again: some may not take what comes first."""


class Window(NamedTuple):
    """How much of a queue's beginning a claim is shown: ``most`` tests.

    More, if these take less than ``seconds``, or less than ``share`` of the seconds of all that nobody has taken.
    """

    most: int
    share: float = 0.0
    seconds: float = 0.0

    def shown(self, estimates: Sequence[float], remaining: float) -> int | None:
        """How many of the tests with these estimates, which are the queue's first; None if there should be more."""
        enough = max(self.seconds, self.share * remaining)
        total = 0.0
        for number, one in enumerate(estimates):
            if number >= self.most and total >= enough:
                return number
            total += one
        return len(estimates) if len(estimates) >= self.most and total >= enough else None


def window(askers: int, pool: int, pace: Pace) -> Window:
    """What is shown to so many that ask together, of ``pool`` workers in all."""
    return Window(OFFERED + OFFERED_EACH * askers, SPARE * askers / (pace.k * pool), SPARE * askers * pace.least)


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
