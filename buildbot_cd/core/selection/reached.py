# SPDX-License-Identifier: GPL-2.0-only
"""What the function map and the history say of a change: which tests may notice it, why, and how probably."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from buildbot_cd.core.selection.function_map import BLIND, FILE, key
from buildbot_cd.core.selection.outcome import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.selection.function_map import FunctionMap
    from buildbot_cd.core.selection.values import Test

LIKELY = 0.9
"""Probability that the only test of a changed function notices it; of n tests each one by ``n ** -SPREAD`` of that."""
SPREAD = 0.4
UNSEEN = 0.1
"""Probability that a test of which nothing is known notices a change."""


class Unit(NamedTuple):
    """A function or file that a change may have made behave differently, and why that is."""

    path: str
    name: str
    why: str


@dataclass
class UnitChange:
    """What the program on the worker told of a change, see `worker.tests.changed_units`."""

    units: list[Unit] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    """Changed files of which all units are told."""
    below: dict[str, str] = field(default_factory=dict)
    """Folders of which every test is concerned, each with the reason."""
    whole: bool = False
    """Whether the program got to its end: without that nothing of this counts."""

    def note(self, event: Mapping[str, Any]) -> None:
        """Take one of its events in."""
        kind = event.get("event")
        if kind == "unit":
            self.units.append(Unit(str(event["path"]), str(event["name"]), str(event.get("why") or "")))
        elif kind == "read":
            self.read.add(str(event["path"]))
        elif kind == "below":
            self.below[str(event["path"])] = str(event.get("why") or "")
        elif kind == "end":
            self.whole = True


class Evidence(NamedTuple):
    """Why a test may notice the change, and how probably. ``direct`` evidence makes a tag a missing one."""

    why: str
    probability: float
    direct: bool = True


@dataclass(frozen=True)
class Reached:
    """What is known beside tags and rules. ``explained`` are changed files that need no rule any more."""

    tests: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    explained: frozenset[str] = frozenset()

    def probability(self, nid: str) -> float:
        """That the test notices the change, if its reasons do not depend on each other."""
        missed = 1.0
        for one in self.tests.get(nid, ()):
            missed *= 1 - one.probability
        return 1 - missed

    def direct(self, nid: str) -> str | None:
        """The first reason that speaks of the change itself."""
        return next((one.why for one in self.tests.get(nid, ()) if one.direct), None)


def reached(
    change: UnitChange, known: FunctionMap, tests: Sequence[Test], failed: Mapping[str, Evidence] | None = None
) -> Reached:
    """The tests that ran what changed, those that the map cannot judge, and those that ``failed`` with such changes.

    An empty map says nothing, and so does a program that broke off.
    """
    found: dict[str, list[Evidence]] = defaultdict(list)
    if change.whole and known.tests:
        _by_units(change.units, known, found)
        if change.units:
            _unseen(known, tests, found)
        _below(change.below, tests, found)
    for nid, evidence in (failed or {}).items():
        found[nid].append(evidence)
    there = {test.nid for test in tests}
    return Reached(
        {nid: tuple(ones) for nid, ones in found.items() if nid in there},
        _explained(change, known) if change.whole and known.tests else frozenset(),
    )


def _by_units(units: Iterable[Unit], known: FunctionMap, found: dict[str, list[Evidence]]) -> None:
    seen: set[tuple[str, str]] = set()
    for unit in units:
        nids = known.ran(key(unit.path, unit.name))
        chance = LIKELY * max(len(nids), 1) ** -SPREAD
        why = f"{shown(unit.why)}; it ran {shown(_told(unit))}"
        for nid in nids:
            if (nid, unit.why) not in seen:
                seen.add((nid, unit.why))
                found[nid].append(Evidence(why, chance))


def _told(unit: Unit) -> str:
    return unit.path if unit.name == FILE else f"{unit.path}::{unit.name}"


def _unseen(known: FunctionMap, tests: Sequence[Test], found: dict[str, list[Evidence]]) -> None:
    for nid in known.ran(key("", BLIND)):
        found[nid].append(Evidence("it starts another process, which cannot be looked into", UNSEEN, direct=False))
    for test in tests:
        if test.nid not in known.tests:
            found[test.nid].append(Evidence("it is not in the function map yet", UNSEEN, direct=False))


def _below(folders: Mapping[str, str], tests: Sequence[Test], found: dict[str, list[Evidence]]) -> None:
    for folder, why in folders.items():
        for test in tests:
            if not folder or test.path.startswith(folder + "/"):
                found[test.nid].append(Evidence(f"{shown(why)}; it lies below", UNSEEN))


def _explained(change: UnitChange, known: FunctionMap) -> frozenset[str]:
    """Files that the map has seen, and Python files in which nothing but comments and layout changed."""
    with_units = {unit.path for unit in change.units}
    paths = with_units | change.read
    return frozenset(path for path in paths if path not in with_units or known.knows(path))
