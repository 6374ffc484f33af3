# SPDX-License-Identifier: GPL-2.0-only
"""Tags that are forgotten: how many of them are told, and how the escapes that follow find their landing.

Every file of tests has its own tag. A change is one of the real faults of `catching`; it should declare the tags of the
tests that it breaks, and forgets each of them with a probability. What then fails unseen is looked for among twenty
landings by the production search, against runs of the test that answer wrongly now and then.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.core.backstop import Ended, Limits, Probe, Why, next_step
from buildbot_cd.core.selection import Change, Mode, Test, select, suspicion, units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from buildbot_cd.core.selection import Entry, Reached

FORGOTTEN = 0.1
LANDINGS, IDLE = 20, 4
CHANGES, SEARCHES = 2000, 200
FLAKES = (0.0, 0.01, 0.05)
OTHER = "housekeeping"
"""A tag that every change declares and no test carries: one that declares none is selected by the map alone."""


@dataclass(frozen=True)
class Fault:
    """A change of one file that breaks tests; ``near`` is what the map says of it."""

    path: str
    bad: frozenset[str]
    near: Reached


@dataclass
class Flags:
    """Of the tags that were forgotten, and of those that were told."""

    changes: int = 0
    forgotten: int = 0
    told: int = 0
    false: int = 0
    escapes: list[tuple[Fault, str]] = field(default_factory=list)
    """The change, and a test that failed later."""

    def row(self) -> list[object]:
        """Changes, forgotten tags, share told, false ones for each change."""
        share = round(100 * self.told / self.forgotten, 1) if self.forgotten else "-"
        return [self.changes, self.forgotten, share, round(self.false / max(self.changes, 1), 2)]


def tagged(tests: Sequence[Test]) -> list[Test]:
    """The tests with a tag of their file."""
    return [one._replace(tags=frozenset({tag_of(one.path)})) for one in tests]


def tag_of(path: str) -> str:
    """``tests/test_cart.py`` is about ``cart``."""
    return path.rpartition("/")[2].removesuffix(".py").removeprefix("test_")


def flags(tests: Sequence[Test], faults: Sequence[Fault], seed: int) -> Flags:
    """Forget tags, and look which are told."""
    rng, found, tags = random.Random(f"forget/{seed}"), Flags(), {one.nid: one.tags for one in tests}
    told: dict[tuple[int, frozenset[str]], tuple[set[str], set[str]]] = {}
    for _ in range(CHANGES):
        number = rng.randrange(len(faults))
        fault = faults[number]
        needed = sorted(set().union(*(tags[nid] for nid in fault.bad)))
        forgotten = {tag for tag in needed if rng.random() < FORGOTTEN}
        declared = frozenset(needed) - forgotten
        if (number, declared) not in told:
            told[number, declared] = _select(tests, fault, declared)
        missing, ran = told[number, declared]
        found.changes += 1
        found.forgotten += len(forgotten)
        found.told += len(forgotten & missing)
        found.false += len(missing - forgotten)
        unseen = sorted(fault.bad - ran)
        if unseen:
            found.escapes.append((fault, rng.choice(unseen)))
    return found


def _select(tests: Sequence[Test], fault: Fault, declared: frozenset[str]) -> tuple[set[str], set[str]]:
    """The tags that are told as missing, and the tests that run."""
    change = Change((fault.path,), tags=(OTHER, *sorted(declared)))
    chosen = select(tests, [], change, (OTHER,), Mode.WARN, fault.near)
    return {one.tag for one in chosen.missing_tags}, {one.nid for one in chosen.chosen}


@dataclass
class Searches:
    """How many searches there were, named the culprit, named another one, and what they cost in runs."""

    count: int = 0
    right: int = 0
    wrong: int = 0
    runs: int = 0
    rounds: int = 0
    first: int = 0
    """Searches in which the culprit was the most suspected one before anything ran."""

    def row(self) -> list[object]:
        """First guess right, named right, named wrong, runs, rounds of runs at once."""
        each = max(self.count, 1)
        shares = [round(100 * one / each, 1) for one in (self.first, self.right, self.wrong)]
        return [*shares, round(self.runs / each, 1), round(self.rounds / each, 1)]


def searches(
    flags: Flags, faults: Sequence[Fault], entries: Mapping[str, Entry], flake: float, seed: int
) -> dict[str, Searches]:
    """By way of searching, for tests that fail by chance at this rate."""
    rng = random.Random(f"search/{seed}/{flake}")
    ways = {"ours": Searches(), "ours without suspicion": Searches(), "plain bisect": Searches()}
    for _ in range(SEARCHES if flags.escapes else 0):
        fault, nid = rng.choice(flags.escapes)
        others = [one for one in faults if nid not in one.bad] or [fault]
        culprit = rng.randrange(LANDINGS) + 1
        queue = [rng.choice(others) for _ in range(LANDINGS)]
        queue[culprit - 1] = fault
        weights = [_suspected(one, nid, entries) for one in queue]
        ask = _asker(culprit, flake, random.Random(rng.random()))
        ways["ours"].first += weights.index(max(weights)) + 1 == culprit
        for name, prior in (("ours", weights), ("ours without suspicion", [1.0] * LANDINGS)):
            _note(ways[name], culprit, *_ours(prior, ask, flake))
        _note(ways["plain bisect"], culprit, *_plain(ask))
    return ways


def _suspected(fault: Fault, nid: str, entries: Mapping[str, Entry]) -> float:
    entry = entries.get(nid)
    units = units_of(entry.units if entry is not None else None)
    chance = fault.near.probability(nid) if nid in fault.near.tests else None
    return suspicion(nid.partition(":")[2].partition("::")[0], units, [fault.path], None, chance)


def _asker(culprit: int, flake: float, rng: random.Random) -> Callable[[int], bool]:
    return lambda position: position >= culprit or rng.random() < flake


def _note(found: Searches, culprit: int, named: int | None, runs: int, rounds: int) -> None:
    found.count += 1
    found.runs += runs
    found.rounds += rounds
    found.right += named == culprit
    found.wrong += named is not None and named != culprit


def _ours(weights: Sequence[float], ask: Callable[[int], bool], flake: float) -> tuple[int | None, int, int]:
    probes: list[Probe] = []
    rounds = 0
    while True:
        step = next_step(weights, probes, Limits(flake=max(flake, 0.01)), IDLE)
        if isinstance(step, Ended):
            return (step.culprit if step.why is Why.CULPRIT else None), len(probes), rounds
        rounds += 1
        probes += [Probe(at, ask(at)) for at in step.positions]


def _plain(ask: Callable[[int], bool]) -> tuple[int, int, int]:
    """As ``git bisect`` does: every answer is believed."""
    good, bad, runs = 0, LANDINGS, 0
    while bad - good > 1:
        middle, runs = (good + bad) // 2, runs + 1
        good, bad = (good, middle) if ask(middle) else (middle, bad)
    return bad, runs, runs
