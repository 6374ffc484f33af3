# SPDX-License-Identifier: GPL-2.0-only
"""A day of IMVU's size through the gate: the production rules and outbox, on simulated git, with a clock of its own.

50 engineers push 50 changes in nine hours; tests take eight minutes, a deploy six, and one change of twenty fails its
tests for real. A change that fails is looked at once more, which takes a minute, and is taken back.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.gate.day_peers import batching, serial, stock
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.spans import quantile
from buildbot_cd.core.landing.values import EffectKind, State
from buildbot_cd.testing.simulation.world import START, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report import Report
    from buildbot_cd.testing.simulation.work import Build

PUSHES = 50
HOURS = 9.0
TEST, DEPLOY, AGAIN = 480.0, 360.0, 60.0
FAILING = 0.05
DAYS = {True: 1, False: 10}


@dataclass(frozen=True)
class Push:
    """One engineer's push: when, in seconds of the day, and whether its tests fail."""

    at: float
    bad: bool


@dataclass
class Outcome:
    """What a day came to: for each good push the seconds until production had it, for each until its own test began.

    ``together``: the most changes that one deploy brought; ``innocent``: good changes whose tests were red or that were
    thrown out with others.
    """

    live: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    together: int = 1
    innocent: int = 0


def day(seed: int) -> list[Push]:
    """Pushes at random times of the day."""
    dice = random.Random(seed)
    return [Push(at, dice.random() < FAILING) for at in sorted(dice.uniform(0, HOURS * 3600) for _ in range(PUSHES))]


class Ours:
    """The gate's own rules over one day."""

    def __init__(self, pushes: Sequence[Push]) -> None:
        many = 10_000
        policy = Policy(reverts_per_hour=many, reverts_per_day=many, reverts_per_engineer=many)
        self.world = World(policy, masters=1)
        self.pushes = pushes
        self.at: dict[str, Push] = {}
        self.known: set[str] = set()
        self.due: list[tuple[float, int, str]] = [(START + one.at, number, "") for number, one in enumerate(pushes)]

    def run(self) -> Outcome:
        """The whole day, until the last landing has ended."""
        while self.due:
            at, number, what = heapq.heappop(self.due)
            self.world.now = at
            if what:
                self._end(what)
            else:
                self._push(number)
            self._go_on()
        return self._outcome()

    def _push(self, number: int) -> None:
        repo, one = self.world.repo, self.pushes[number]
        commit = repo.push(f"e{number}@shop.example", {f"file{number}": ""})
        if one.bad:
            self.world.truth.broken.add(commit.sha)
        self.at[commit.sha] = one
        self.world.look()

    def _go_on(self) -> None:
        """Masters reconcile and git works, in no time, until everybody waits for a test or a deploy."""
        while True:
            before = len(self.world.builds.all), len(self.known), [one.word for one in self.world.builds.all]
            for master in 2 * self.world.masters:  # one round takes an answer in, the next one moves by it
                while not master.forward(1):
                    pass
            self._begin()
            if before == (len(self.world.builds.all), len(self.known), [one.word for one in self.world.builds.all]):
                return

    def _begin(self) -> None:
        for run in self.world.checking:
            self._later(run.key, TEST if run.kind is EffectKind.CHECKS else AGAIN)
        for build in list(self.world.running):
            if self.world.view.intents[build.key].kind is EffectKind.ROLLOUT:
                self._later(build.key, DEPLOY)
            else:
                self._finish(build)

    def _later(self, key: str, seconds: float) -> None:
        if key not in self.known:
            self.known.add(key)
            heapq.heappush(self.due, (self.world.now + seconds, len(self.known), key))

    def _end(self, key: str) -> None:
        for run in self.world.checking:
            if run.key == key:
                self.world.check(run, "")
        for build in self.world.running:
            if build.key == key:
                self._finish(build)

    def _finish(self, build: Build) -> None:
        while not build.complete:
            self.world.work(build)

    def _outcome(self) -> Outcome:
        found = Outcome()
        histories = self.world.store.transact_now(lambda tx: tx.landings.histories(list(self.world.view.landings)))
        for landing in self.world.view.landings.values():
            push, lines = self.at[landing.head], histories[landing.id]
            begun = next(one.at for one in lines if one.after is State.TESTING)
            found.test.append(begun - START - push.at)
            if not push.bad:
                ended = next((one.at for one in lines if one.after is State.LIVE), None)
                found.innocent += ended is None
                found.live.append(float("inf") if ended is None else ended - START - push.at)
        return found


def add(report: Report, seed: int, *, quick: bool) -> list[list[object]]:
    """Play the same days with the gate and its peers; gives the rows of a table and writes the report."""
    days = [day(seed * 1000 + number) for number in range(DAYS[quick])]
    ways: Mapping[str, list[Outcome]] = {
        "the gate": [Ours(one).run() for one in days],
        "stock: one MasterLock around test and deploy": [stock(one, Outcome(), TEST, DEPLOY) for one in days],
        "serial gate, no hand-over": [serial(one, Outcome(), TEST, DEPLOY, AGAIN) for one in days],
        "merge queue, batches of 8, bisected": [batching(one, Outcome(), TEST, DEPLOY) for one in days],
    }
    rows: list[list[object]] = []
    for name, outcomes in ways.items():
        live = sorted(seconds / 60 for one in outcomes for seconds in one.live)
        test = sorted(seconds / 60 for one in outcomes for seconds in one.test)
        figures = [quantile(live, 0.5), quantile(live, 0.95), quantile(test, 0.5), quantile(test, 0.95)]
        together = max(one.together for one in outcomes)
        innocent = sum(one.innocent for one in outcomes) / len(outcomes)
        rows.append([name, *[round(one, 1) for one in figures], together, innocent])
        told = dict(zip(("live_p50_min", "live_p95_min", "test_p50_min", "test_p95_min"), figures, strict=True))
        (report.ours if name == "the gate" else report.peers)[f"day: {name}"] = {
            **{key: round(value, 1) for key, value in told.items()},
            "most_changes_a_deploy": together,
            "innocent_red_a_day": round(innocent, 2),
        }
    return rows


HEAD = [
    "a day of 50 pushes",
    "live p50 min",
    "p95",
    "test begins p50 min",
    "p95",
    "changes a deploy",
    "innocent red a day",
]
