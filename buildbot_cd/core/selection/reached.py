# SPDX-License-Identifier: GPL-2.0-only
"""What the function map and the history say of a change: which tests may notice it, why, and how probably."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from buildbot_cd.core.selection.function_map import BLIND, FILE, key
from buildbot_cd.core.selection.outcome import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from buildbot_cd.core.selection.function_map import FunctionMap
    from buildbot_cd.core.selection.values import Test

LIKELY = 0.9
"""Probability that the only test of a changed function notices it; of n tests each one by ``n ** -SPREAD`` of that."""
SPREAD = 0.4
STUB = ".pyi"
KEPT = 2000
"""So many tests that might notice a change and do not run are kept with a selection."""
UNSEEN = 0.1
"""Probability that a test of which nothing is known notices a change."""


class Unit(NamedTuple):
    """A function or file that a change may have made behave differently, and why that is."""

    path: str
    name: str
    why: str
    parts: tuple[str, ...] = ()
    """If there are any, that matters only to tests that ran one of these parts of it, or of which no parts are told.

    The first one is no part: who ran it told the parts.
    """


@dataclass
class UnitChange:
    """What the program on the worker told of a change, see `worker.tests.changed_units`."""

    units: list[Unit] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    """Changed files of which all units are told."""
    inside: set[str] = field(default_factory=set)
    """Those of them in which nothing changed but bodies of functions, and tests."""
    below: dict[str, str] = field(default_factory=dict)
    """Folders of which every test is concerned, each with the reason."""
    whole: bool = False
    """Whether the program got to its end: without that nothing of this counts."""

    def note(self, event: Mapping[str, Any]) -> None:
        """Take one of its events in."""
        kind = event.get("event")
        if kind == "unit":
            parts = tuple(str(one) for one in event.get("parts") or ())
            self.units.append(Unit(str(event["path"]), str(event["name"]), str(event.get("why") or ""), parts))
        elif kind == "read":
            self.read.add(str(event["path"]))
            if event.get("inside"):
                self.inside.add(str(event["path"]))
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
    """What is known beside tags and rules.

    ``explained`` are changed files that need no rule any more; of the tests in an ``inside`` one those that matter are
    among ``tests``.
    """

    tests: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    explained: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()

    def probability(self, nid: str) -> float:
        """That the test notices the change, if its reasons do not depend on each other."""
        missed = 1.0
        for one in self.tests.get(nid, ()):
            missed *= 1 - one.probability
        return 1 - missed

    def beyond(self, chosen: Collection[str]) -> dict[str, float]:
        """The tests that are not chosen though they may notice the change, and how probably: at most `KEPT`."""
        found = {nid: round(self.probability(nid), 3) for nid in self.tests if nid not in chosen}
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))[:KEPT])

    def direct(self, nid: str) -> str | None:
        """The first reason that speaks of the change itself."""
        for one in self.tests.get(nid, ()):
            if one.direct:
                return one.why
        return None


def reached(
    change: UnitChange, known: FunctionMap, tests: Sequence[Test], failed: Mapping[str, Evidence] | None = None
) -> Reached:
    """The tests that ran what changed, those that the map cannot judge, and those that ``failed`` with such changes.

    An empty map says nothing, and so does a program that broke off.
    """
    found: dict[str, tuple[Evidence, ...]] = {}
    if change.whole and known.tests:
        _by_units(change.units, known, found)
        if change.units:
            _unseen(known, tests, found)
        _below(change.below, tests, found)
    for nid, evidence in (failed or {}).items():
        _add(found, [nid], evidence)
    found = {test[0]: found[test[0]] for test in tests if test[0] in found}
    if not (change.whole and known.tests):
        return Reached(found)
    explained = _explained(change, known)
    return Reached(found, explained, frozenset(change.inside & explained))


def _add(found: dict[str, tuple[Evidence, ...]], nids: Iterable[str], evidence: Evidence) -> None:
    """One more reason for these; what is alike is one object, since a change may reach 40,000 tests."""
    alone = (evidence,)
    for nid in nids:
        before = found.get(nid)
        found[nid] = alone if before is None else (*before, evidence)


def _by_units(units: Iterable[Unit], known: FunctionMap, found: dict[str, tuple[Evidence, ...]]) -> None:
    """A cause that reaches a test by several units counts once, by the one that the fewest tests ran."""
    reach = [(unit, _ran(unit, known)) for unit in units]
    by_cause: dict[str, set[str]] = defaultdict(set)
    for unit, nids in sorted(reach, key=lambda one: len(one[1])):
        if nids:
            seen = by_cause[unit.why]
            why = f"{shown(unit.why)}; it ran {shown(_told(unit))}"
            evidence = Evidence(why, LIKELY * len(nids) ** -SPREAD, direct=True)
            _add(found, [one for one in nids if one not in seen] if seen else nids, evidence)
            seen.update(nids)


def _ran(unit: Unit, known: FunctionMap) -> list[str]:
    number = key(unit.path, unit.name)
    if not unit.parts:
        return known.ran(number)
    told, *parts = (key(unit.path, one) for one in unit.parts)
    return known.ran_part(number, told, key(unit.path, unit.name + "#"), parts)


def _told(unit: Unit) -> str:
    return unit.path if unit.name == FILE else f"{unit.path}::{unit.name}"


def _unseen(known: FunctionMap, tests: Sequence[Test], found: dict[str, tuple[Evidence, ...]]) -> None:
    blind = Evidence("it starts another process, which cannot be looked into", UNSEEN, direct=False)
    _add(found, known.ran(key("", BLIND)), blind)
    new = Evidence("it is not in the function map yet", UNSEEN, direct=False)
    _add(found, [test[0] for test in tests if test[0] not in known.tests], new)


def _below(folders: Mapping[str, str], tests: Sequence[Test], found: dict[str, tuple[Evidence, ...]]) -> None:
    for folder, why in folders.items():
        inside = [test.nid for test in tests if not folder or test.path.startswith(folder + "/")]
        _add(found, inside, Evidence(f"{shown(why)}; it lies below", UNSEEN))


def _explained(change: UnitChange, known: FunctionMap) -> frozenset[str]:
    """Files that the map has seen, Python files in which nothing but comments and layout changed, and stubs.

    No import reads a stub: a test that opened it has it in the map, and one that starts another program runs anyway.
    """
    with_units = {unit.path for unit in change.units}
    paths = with_units | change.read
    return frozenset(path for path in paths if path not in with_units or path.endswith(STUB) or known.knows(path))
