# SPDX-License-Identifier: GPL-2.0-only
"""How many faults, and how many failing tests, each way of selecting would have caught, and at what share of time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.selection import suite
from bench.selection.forgetting import Fault
from bench.selection.mutants import mutants
from bench.selection.peers import Testmon, file_map, path_rules
from bench.selection.projects import cache, checkout, git
from bench.selection.truth import truth
from buildbot_cd.core.selection import Change, FunctionMap, reached, select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.selection.mutants import Mutant
    from bench.selection.projects import Project
    from buildbot_cd.core.selection import Entry, Reached, Test

WAYS = ("function map", "path rules", "file map", "pytest-testmon")


@dataclass
class Score:
    """Of one way, over all faults of a kind; ``share`` is of test time, one for each fault, failing or not."""

    failing: int = 0
    caught: int = 0
    tests: int = 0
    tests_caught: int = 0
    shares: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, bad: set[str], chosen: set[str], share: float, name: str) -> None:
        """One fault."""
        self.shares.append(share)
        if bad:
            self.failing += 1
            self.tests += len(bad)
            self.tests_caught += len(bad & chosen)
            self.caught += bool(bad & chosen)
            if not bad & chosen:
                self.missed.append(name)

    def plus(self, other: Score) -> Score:
        """Both together."""
        return Score(
            self.failing + other.failing,
            self.caught + other.caught,
            self.tests + other.tests,
            self.tests_caught + other.tests_caught,
            self.shares + other.shares,
            self.missed + other.missed,
        )

    def row(self) -> list[object]:
        """Faults, caught, tests caught, time."""
        return [
            self.failing,
            _per_cent(self.caught, self.failing),
            _per_cent(self.tests_caught, self.tests),
            round(100 * sum(self.shares) / len(self.shares), 1) if self.shares else "-",
        ]


def _per_cent(part: int, whole: int) -> object:
    return round(100 * part / whole, 1) if whole else "-"


@dataclass
class Outcome:
    """Of one project: by way and kind the score; faults that broke collection; what recording cost."""

    scores: dict[tuple[str, str], Score] = field(default_factory=dict)
    at_collection: int = 0
    skipped: int = 0
    flaky: int = 0
    faults: list[Fault] = field(default_factory=list)
    """The failing ones."""
    stale: dict[int, Score] = field(default_factory=dict)
    """Of the failing faults by a map that is so many releases old; 0 is the fresh one."""
    cpu: tuple[float, float] = (0.0, 0.0)
    bytes_each: float = 0.0
    tests: int = 0

    @property
    def share(self) -> float:
        """Per cent of test time that ours runs, of all faults."""
        shares = [share for (way, _), score in self.scores.items() if way == WAYS[0] for share in score.shares]
        return 100 * sum(shares) / max(len(shares), 1)


@dataclass(frozen=True)
class Base:
    """A project at one revision, which was run and recorded."""

    project: Project
    version: str
    where: Path
    tests: list[Test]
    seconds: Mapping[str, float]
    bad: set[str]
    known: FunctionMap
    cpu: tuple[float, float]
    bytes_each: float
    entries: Mapping[str, Entry]
    older: tuple[tuple[int, FunctionMap], ...] = ()
    """Maps of the releases before it, each with how many releases it is old."""


def older(project: Project, most: int) -> tuple[tuple[int, FunctionMap], ...]:
    """What the tests of the releases before the newest one ran, by age; those that cannot be run are left out."""
    found: list[tuple[int, FunctionMap]] = []
    for age, version in enumerate(project.versions[-2 : -2 - most : -1], 1):
        where = checkout(project, version, cache() / "work" / f"{project.name}-{version}")
        ran = suite.run(project, where, suite.collect(project, where), recorded=True)
        passed = {nid: one for nid, one in ran.entries.items() if ran.outcomes.get(nid) not in suite.BAD}
        if passed:  # else this Python or this pytest cannot run it
            found.append((age, FunctionMap(passed)))
    return tuple(found)


def base(project: Project, version: str, rounds: int, releases: int = 0) -> Base:
    """Run it, with and without recording, ``rounds`` times each by turns; processor time is the least of them.

    So many ``releases`` before it are recorded too.
    """
    where = checkout(project, version, cache() / "work" / project.name)
    tests = suite.collect(project, where)
    plain, seen = [], []
    for _ in range(rounds):
        plain.append(suite.run(project, where, tests, recorded=False))
        seen.append(suite.run(project, where, tests, recorded=True))
    bad = set().union(*(one.bad for one in (*plain, *seen)))
    entries = seen[-1].entries
    each = sum(len(one.units) for one in entries.values()) / max(len(entries), 1)
    cpu = (min(one.cpu for one in plain), min(one.cpu for one in seen))
    known, before = FunctionMap(entries), older(project, releases)
    return Base(project, version, where, tests, plain[-1].seconds, bad, known, cpu, each, entries, before)


def catching(one: Base, wanted: dict[str, int], seed: int, seconds: float) -> Outcome:
    """Put faults in, one after the other, for so many seconds."""
    outcome = Outcome(cpu=one.cpu, bytes_each=one.bytes_each, tests=len(one.tests))
    testmon = Testmon(one.project, one.where)
    until = time.monotonic() + seconds
    revision = git(one.where, "rev-parse", "HEAD").strip()
    for mutant in by_turns(mutants(one.project, one.where, wanted, seed)):
        if time.monotonic() > until:
            outcome.skipped += 1
            continue
        path = one.where / mutant.path
        before = path.read_bytes()
        path.write_bytes(mutant.text)
        try:
            _one(one, mutant, revision, testmon, outcome)
        finally:
            path.write_bytes(before)
    return outcome


def by_turns(found: Sequence[Mutant]) -> list[Mutant]:
    """One of each kind after the other, so that an early end leaves something of all."""
    kinds: dict[str, list[Mutant]] = {}
    for one in found:
        kinds.setdefault(one.kind, []).append(one)
    longest = max((len(ones) for ones in kinds.values()), default=0)
    return [ones[at] for at in range(longest) for ones in kinds.values() if at < len(ones)]


def _one(one: Base, mutant: Mutant, revision: str, testmon: Testmon, outcome: Outcome) -> None:
    found = truth(one.project, one.version, one.where, one.tests, mutant)
    if found.hung:
        outcome.skipped += 1
        return
    if found.broken:
        outcome.at_collection += 1  # the plan's own collection sees it, whatever is selected
        return
    bad = (set(found.bad) - one.bad) & {test.nid for test in one.tests}  # a name may hold the time of its collection
    near, chosen = choose(one, one.known, mutant.path, revision)
    ways = {
        "function map": chosen,
        "path rules": path_rules(one.tests, mutant.path),
        "file map": file_map(one.known, one.tests, mutant.path),
        "pytest-testmon": testmon.chosen(one.tests),
    }
    name = f"{one.project.name} {mutant.kind} {mutant.path}:{mutant.line}"
    lost = bad - chosen
    if lost:  # a test that fails by itself now and then proves nothing
        again = truth(one.project, one.version, one.where, one.tests, mutant, look=2).bad
        outcome.flaky += bool(lost - again)
        bad -= lost - again
    for way, nids in ways.items():
        score = outcome.scores.setdefault((way, mutant.kind), Score())
        score.add(bad, nids, share(one.seconds, nids), name)
    if bad:
        outcome.faults.append(Fault(mutant.path, frozenset(bad), near))
        outcome.stale.setdefault(0, Score()).add(bad, chosen, share(one.seconds, chosen), name)
        for age, known in one.older:
            _, nids = choose(one, known, mutant.path, revision)
            outcome.stale.setdefault(age, Score()).add(bad, nids, share(one.seconds, nids), name)


def choose(one: Base, known: FunctionMap, path: str, revision: str) -> tuple[Reached, set[str]]:
    """What this map says of the change in the checkout, and what we run for it, without any tag or rule."""
    change = suite.units(one.where, revision, known.imported)
    near = reached(change, known, one.tests)
    return near, {choice.nid for choice in select(one.tests, [], Change((path,)), reached=near).chosen}


def share(seconds: Mapping[str, float], nids: set[str]) -> float:
    """Of the time of all tests."""
    whole = sum(seconds.values())
    return sum(one for nid, one in seconds.items() if nid in nids) / whole if whole else 1.0
