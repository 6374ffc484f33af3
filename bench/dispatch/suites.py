# SPDX-License-Identifier: GPL-2.0-only
"""Made-up suites: 8.5 hours of tests whose durations spread as those of real ones do, and what is believed of them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch import Estimate, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOTAL = 8.5 * 3600
"""Seconds of tests, as IMVU had them (4.4 machine hours in 2009, 8 hours later)."""
SPREAD = 1.3
"""Standard deviation of ln(seconds) over a suite; real ones lie between 1 and 1.6."""
NOISE = 0.3
"""Standard deviation of ln(estimate / true)."""
UNEVEN = 0.2
"""Workers' speeds lie evenly within 1 +- this."""
START = 2.0
"""Seconds from a worker's start to its first test."""
ROUND_TRIP = 0.3
"""Seconds that a chunk costs beside its tests."""
TESTS_PER_FILE = 8


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    tests: int
    workers: int
    uneven: float = 0.0
    dependent: float = 0.0
    chains: tuple[int, int] | None = None


SCENARIOS = (
    Scenario("4000 tests, 45 workers", 4000, 45),
    Scenario("15000 tests, 45 workers", 15000, 45),
    Scenario("4000 tests, 8 workers", 4000, 8),
    Scenario("15000 tests, 8 workers", 15000, 8),
    Scenario("4000 tests, 45 uneven workers", 4000, 45, UNEVEN),
    Scenario("15000 tests, 45 uneven workers", 15000, 45, UNEVEN),
    Scenario("4000 tests, 8 uneven workers", 4000, 8, UNEVEN),
    Scenario("15000 tests, 8 uneven workers", 15000, 8, UNEVEN),
    Scenario("4000 tests, 40 % dependent, 45 workers", 4000, 45, 0.0, 0.4),
    Scenario("4000 tests, 40 % dependent, 45 uneven", 4000, 45, UNEVEN, 0.4),
    Scenario("20 chains of 25, 45 workers", 500, 45, 0.0, 0.0, (20, 25)),
    Scenario("20 chains of 25, 45 uneven", 500, 45, UNEVEN, 0.0, (20, 25)),
)


@dataclass(frozen=True)
class Suite:
    """The tests in the order of collection, their true seconds, what is believed of them, and the workers' speeds."""

    works: Sequence[Work]
    actual: Mapping[str, float]
    estimates: Mapping[str, Estimate]
    speeds: Mapping[str, float]


def suite(scenario: Scenario, seed: int) -> Suite:
    """The suite of this scenario and seed."""
    rng = random.Random(f"{scenario.name}/{seed}")
    seconds = [rng.lognormvariate(0, SPREAD) for _ in range(scenario.tests)]
    scale = TOTAL / sum(seconds)
    works = _works(scenario, rng)
    actual = {work.nid: one * scale for work, one in zip(works, seconds, strict=True)}
    speeds = {
        f"w{number}": 1 + rng.uniform(-scenario.uneven, scenario.uneven) if scenario.uneven else 1.0
        for number in range(scenario.workers)
    }
    return Suite(works, actual, believed(actual, rng), speeds)


def believed(actual: Mapping[str, float], rng: random.Random) -> dict[str, Estimate]:
    """Estimates that are off by the noise; their variance says so."""
    return {
        nid: Estimate(math.log(one * 1000) + rng.gauss(0, NOISE) - NOISE**2 / 2, NOISE**2, 9)
        for nid, one in actual.items()
    }


def _works(scenario: Scenario, rng: random.Random) -> list[Work]:
    if scenario.chains is not None:
        _, length = scenario.chains
        return [
            Work(f"t{n}", f"f{n // length}.py", (f"t{n - 1}",) if n % length else ()) for n in range(scenario.tests)
        ]
    works = []
    for number in range(scenario.tests):
        needs = (f"t{rng.randrange(number)}",) if number and rng.random() < scenario.dependent else ()
        works.append(Work(f"t{number}", f"f{number // TESTS_PER_FILE}.py", needs))
    return works
