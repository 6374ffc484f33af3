# SPDX-License-Identifier: GPL-2.0-only
"""Makespan over lower bound, by simulation: our production classes, and the peers, on the same suites."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.dispatch.static import ends, longest_first, split
from bench.dispatch.suites import ROUND_TRIP, START, Scenario, Suite, believed, suite
from bench.dispatch.xdist_model import xdist
from buildbot_cd.core.dispatch import Asker, Offer, Pace, Speed, expected, lower_bound, order, warm
from buildbot_cd.core.dispatch.order import Queued
from buildbot_cd.core.dispatch.replay import Machines, play

if TYPE_CHECKING:
    from collections.abc import Sequence

EARLIER_RUNS = 3
"""Runs that the workers' speeds were learned from; in them durations were believed with other noise."""


@dataclass
class Row:
    """One suite: makespan / lower bound of each, and how ours went."""

    ours: float
    cold: float
    """With workers of which nothing is known."""
    peers: dict[str, float] = field(default_factory=dict)
    perfect: float | None = None
    """Longest first with perfect knowledge of the durations, divided before the start."""
    binding: str = ""
    chunks: int = 0
    idle: float = 0.0


def row(scenario: Scenario, seed: int) -> Row:
    """One suite, played by everybody."""
    made = suite(scenario, seed)
    bound = lower_bound(made.works, made.actual, list(made.speeds.values()), START)
    machines = Machines(made.speeds, START, warm(ROUND_TRIP))
    queue = order(made.works, made.estimates)
    cold = play(made.works, queue, made.actual, machines)
    known: dict[str, Speed] = {}
    for number in range(EARLIER_RUNS):
        other = believed(made.actual, random.Random(f"{scenario.name}/{seed}/earlier/{number}"))
        known = play(made.works, order(made.works, other), made.actual, machines, known).speeds
    ours = play(made.works, queue, made.actual, machines, known)
    if len(ours.ended) != len(made.works):
        raise RuntimeError(f"{len(made.works) - len(ours.ended)} tests had no turn: the dispatcher is wrong")
    peers = {name: one / bound.seconds for name, one in _peers(scenario, made, machines, seed).items()}
    speeds = list(made.speeds.values())
    perfect = None
    if _free(scenario):
        groups = longest_first([work.nid for work in made.works], made.actual, len(speeds))
        perfect = ends(groups, made.actual, speeds, START) / bound.seconds
    idle = 1 - sum(ours.busy.values()) / (ours.makespan * len(speeds))
    return Row(
        ours.makespan / bound.seconds,
        cold.makespan / bound.seconds,
        peers,
        perfect,
        str(bound.binding),
        ours.chunks,
        idle,
    )


def _free(scenario: Scenario) -> bool:
    return not scenario.dependent and scenario.chains is None


def _peers(scenario: Scenario, made: Suite, machines: Machines, seed: int) -> dict[str, float]:
    """Makespans. Neither xdist nor pytest-split knows of tests that require others, so there the queues stand alone."""
    rng = random.Random(f"{scenario.name}/{seed}/order")
    guess = expected(made.works, made.estimates)
    nids = [work.nid for work in made.works]
    shuffled = rng.sample(nids, len(nids))
    orders = {"queue, as collected": nids, "queue, random": shuffled}
    if not _free(scenario):
        orders["queue, longest first"] = sorted(nids, key=lambda nid: -guess[nid])
    found = {}
    for name, ordered in orders.items():
        queue = [Queued(nid, guess[nid], 0.0, place) for place, nid in enumerate(ordered)]
        found[name] = play(made.works, queue, made.actual, machines, rule=plain).makespan
    if _free(scenario):
        speeds = list(made.speeds.values())
        files = {work.nid: work.path for work in made.works}
        for mode in ("load", "worksteal", "loadscope"):
            found[f"xdist {mode}"] = xdist(mode, files, made.actual, speeds, START)
        for algorithm in ("least_duration", "duration_based_chunks"):
            groups = split(algorithm, nids, guess, len(speeds))
            found[f"pytest-split {algorithm}"] = ends(groups, made.actual, speeds, START)
        found["static longest first"] = ends(longest_first(nids, guess, len(speeds)), made.actual, speeds, START)
    return found


def plain(askers: Sequence[Asker], offer: Offer, pace: Pace) -> dict[str, tuple[str, ...]]:
    """A queue that knows no ranks, speeds or chains: each takes its share from the front, in guided sizes."""
    left, ready = offer.remaining, list(offer.ready)
    workers = len(askers) + len(offer.others)
    shares: dict[str, tuple[str, ...]] = {}
    for asker in askers:
        size, load, taken = max(pace.least, left / (pace.k * workers)), 0.0, []
        while ready and (not taken or load + ready[0].seconds <= size):
            test = ready.pop(0)
            taken.append(test.nid)
            load += test.seconds
        left -= load
        shares[asker.name] = tuple(taken)
    return shares
