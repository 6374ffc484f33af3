# SPDX-License-Identifier: GPL-2.0-only
"""The course of a storm: when somebody pushes, when something is killed, and when it is over."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.testing.storm.yard import BUSY

if TYPE_CHECKING:
    from buildbot_cd.testing.storm.yard import Storm

KINDS = ("good",) * 9 + ("red", "sick", "sore")
"""What engineers push: one of twelve fails a test, one passes them and does not start in production, and one starts
and fails visitors."""

OTHERS = ("database_restarted", "server_refuses", "server_hangs", "server_away", "gate_frozen", "figures_away")
"""Faults beside the kills, one after so many kills each."""

OTHERS_EVERY = 8

SEVERAL = 3
"""More landings than these are of all kinds; fewer are a red one and good ones, for a storm that is quick."""

REST, EACH = 120.0, 20.0
"""Seconds after the last fault in which everything has to come to its end: so many, and so many for each landing."""


@dataclass(frozen=True)
class Weather:
    """``landings`` and ``kills`` of one storm, drawn from ``seed``; ``pause``: mean seconds between two faults."""

    seed: int
    landings: int
    kills: int
    pause: float = 3.0
    limit: float = 1800.0

    def kinds(self) -> list[str]:
        """What is pushed, in order; at least one is red and one good, and of several one is sick and one is sore."""
        dice = random.Random(self.seed)  # noqa: S311 - chance, not secrets
        sure = ["good", "red", "sick", "sore"] if self.landings > SEVERAL else ["red"]
        more = self.landings - len(sure)
        kinds = sure + (dice.choices(KINDS, k=more) if self.landings > SEVERAL else ["good"] * more)
        dice.shuffle(kinds)
        return kinds

    def faults(self) -> list[str]:
        """What happens, in order: kills of the master, of workers and of git, and after each eighth something else."""
        dice = random.Random(self.seed + 1)  # noqa: S311 - as above
        kills = ["master_killed", "git_killed", "worker_killed"]
        kills += dice.choices(("master_killed", "worker_killed", "git_killed"), (2, 3, 3), k=max(0, self.kills - 3))
        kills = kills[: self.kills]
        dice.shuffle(kills)
        found: list[str] = []
        for number, kill in enumerate(kills, 1):
            found.append(kill)
            if number % OTHERS_EVERY == 0 or number == self.kills < OTHERS_EVERY:
                found.append(OTHERS[number // OTHERS_EVERY % len(OTHERS)])
        return found


def blow(storm: Storm, weather: Weather) -> float:
    """Let it blow over a storm that is started, then wait until everything is at rest; the seconds that took.

    At the limit no more is pushed or killed: ``storm.done`` tells how much there was. Raises CdError without rest.
    """
    began, kinds, faults = time.monotonic(), weather.kinds(), weather.faults()
    total = len(faults)
    storm.land(kinds.pop())
    while (kinds or faults) and time.monotonic() - began < weather.limit:
        storm.tend()
        if kinds and storm.open_landings() < BUSY:
            storm.land(kinds.pop())
        time.sleep(storm.dice.expovariate(1 / weather.pause))
        # Each landing has its share of the faults, so that none is left to quiet weather.
        wanted = faults and (not kinds or len(faults) * weather.landings > len(kinds) * total)
        if wanted and storm.fault(faults[-1]):  # one that hit nothing comes again
            faults.pop()
    rest = REST + EACH * storm.open_landings()
    try:
        storm.until(storm.at_rest, "everything to come to rest", rest)
    finally:
        storm.keep_records()
    return time.monotonic() - began
