# SPDX-License-Identifier: GPL-2.0-only
"""Which landing broke a test, found by noisy probes, several at a time.

A test passed at position 0 and failed at position ``n``: position ``v`` is trunk after the first ``v`` suspects. One of
the suspects is to blame, or nobody (the test is flaky, or its surroundings were), or something older than all of them.
Each probe moves the probabilities by Bayes' rule, so that a flaky test's wrong answer costs probes, not the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY, OLDER = 0.25, 0.03
"""Prior probability that no suspect is to blame, since the test is flaky or since the fault is older."""

CHANCE = 0.3
"""How often a test fails, of which nothing but chance lets it fail: high, since it was seen to fail."""

CONFIRM = 2
"""So many more looks at the revision that failed before anybody is suspected."""

STANDS_OUT = 0.3
"""Of what is believed so much on one suspect has it looked at on both sides at once: a good suspicion ends it there."""


class Why(StrEnum):
    """How the search ended."""

    CULPRIT = "culprit"
    FLAKY = "flaky"
    OLDER = "older"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one run of the test at ``position`` said."""

    position: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """``sure`` is the probability that is enough; ``most`` the number of probes that may be spent.

    ``flake`` is how often the test fails without a fault, ``miss`` how often it passes with one.
    """

    sure: float = 0.99
    most: int = 40
    flake: float = 0.01
    miss: float = 0.02


@dataclass(frozen=True, slots=True)
class Ask:
    """Run the test at these positions, all at once."""

    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The search is over; ``culprit`` counts from 1, ``probability`` is the answer's."""

    why: Why
    culprit: int | None
    probability: float


@dataclass(frozen=True, slots=True)
class Belief:
    """Probabilities, summing to 1: of nobody, of each suspect in turn, of something older than all."""

    nobody: float
    suspects: tuple[float, ...]
    older: float


def posterior(weights: Sequence[float], probes: Sequence[Probe], limits: Limits) -> Belief:
    """What to believe after the probes; ``weights`` are the suspects' own, in any unit: how likely each was before."""
    total = sum(weights)
    shares = [weight / total for weight in weights] if total > 0 else [1 / len(weights)] * len(weights)
    rest = 1 - NOBODY - OLDER
    chance = max(CHANCE, limits.flake)
    nobody, older = NOBODY, OLDER
    blamed = [share * rest for share in shares]
    for probe in probes:
        bad = 1 - limits.miss if probe.failed else limits.miss
        good = limits.flake if probe.failed else 1 - limits.flake
        nobody *= chance if probe.failed else 1 - chance
        older *= bad
        blamed = [one * (bad if at <= probe.position else good) for at, one in enumerate(blamed, 1)]
        # Scaled anew each time: hundreds of factors would come to nothing.
        scale = nobody + older + sum(blamed)
        nobody, older, blamed = nobody / scale, older / scale, [one / scale for one in blamed]
    return Belief(nobody, tuple(blamed), older)


def next_step(weights: Sequence[float], probes: Sequence[Probe], limits: Limits, idle: int) -> Ask | Ended:
    """What to do now; ``idle`` is how many probes can run at once. Suspects there must be."""
    end = len(weights)
    confirmed = sum(1 for probe in probes if probe.position == end)
    if confirmed < CONFIRM:
        return Ask((end,) * (CONFIRM - confirmed))
    belief = posterior(weights, probes, limits)
    best = max(range(end), key=lambda at: belief.suspects[at]) + 1
    ended = _ended(belief, best, limits)
    if ended is not None and ended.why is Why.CULPRIT:
        unseen = [at for at, failed in ((best - 1, False), (best, True)) if Probe(at, failed) not in probes]
        if unseen and len(probes) < limits.most:
            return Ask(tuple(unseen))
    if ended is not None:
        return ended
    if len(probes) >= limits.most:
        return Ended(Why.UNDECIDED, best, belief.suspects[best - 1])
    return Ask(_where(belief, max(idle, 1)))


def _ended(belief: Belief, best: int, limits: Limits) -> Ended | None:
    if belief.suspects[best - 1] >= limits.sure:
        return Ended(Why.CULPRIT, best, belief.suspects[best - 1])
    # Nobody is hurt by these two, so less has to do.
    enough = min(limits.sure, 0.95)
    if belief.nobody >= enough:
        return Ended(Why.FLAKY, None, belief.nobody)
    if belief.older >= enough:
        return Ended(Why.OLDER, None, belief.older)
    return None


def _where(belief: Belief, idle: int) -> tuple[int, ...]:
    """The positions that part what is believed into equal shares; whoever has most of it is asked on both sides.

    What is older than all suspects fails at position 0 too. A second look at the same side tells chance from cause.
    """
    places = (belief.older, *belief.suspects)
    end, mass = len(belief.suspects), sum(places)
    best = max(range(end + 1), key=lambda at: places[at])
    if places[best] > STANDS_OUT * mass:
        return tuple(dict.fromkeys((max(best - 1, 0), best)))
    below = list(accumulate(one / mass for one in places))
    shares = (part / (idle + 1) for part in range(1, idle + 1))
    return tuple(dict.fromkeys(min(range(end), key=lambda at: abs(below[at] - share)) for share in shares))
