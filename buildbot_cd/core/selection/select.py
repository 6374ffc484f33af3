# SPDX-License-Identifier: GPL-2.0-only
"""The selection itself. Tags come first; rules only ever add; what nothing is known about runs everything."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.core.selection.globs import GlobIndex
from buildbot_cd.core.selection.nearest import nearest
from buildbot_cd.core.selection.outcome import (
    Choice,
    MissingTag,
    Selection,
    UnknownTag,
    UnknownTest,
    shown,
)
from buildbot_cd.core.selection.reached import Reached
from buildbot_cd.core.selection.requirements import closure, requirements
from buildbot_cd.core.selection.trailers import declared
from buildbot_cd.core.selection.values import Mode
from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from buildbot_cd.core.selection.values import Change, Declared, PathRule, Test

_ALL = ("everything runs",)

_TOLD = 3
"""Reasons of the function map that are told of a test."""

_SUGGESTED = 10
"""Unknown names for which the nearest one is looked up: a message with thousands of them must not stop the master."""


def select(
    tests: Sequence[Test],
    path_rules: Sequence[PathRule],
    change: Change,
    known_tags: Collection[str] = (),
    mode: Mode = Mode.ADD,
    reached: Reached = Reached(),  # noqa: B008 - it is frozen
) -> Selection:
    """Which of the tests this change needs, each with its reasons.

    ``tests`` are all that there are, with the repository's rules applied (`with_rules`); ``known_tags`` are tags that
    exist though no test may carry them; ``mode`` says what becomes of tags that rules miss; ``reached`` is what the
    function map and the history know. Raises SelectionError if a nid comes twice, or for requirements that name no test
    or go in a circle.
    """
    index = _Index(tests, known_tags)
    said = declared(change.messages)
    touched = _touch(change, path_rules, index, reached.explained)
    tags = tuple(dict.fromkeys((*said.tags, *change.tags)))
    named, absent = _named(said, index)
    unknown = tuple(
        UnknownTag(tag, near) for tag, near in _suggested([tag for tag in tags if tag not in index.tags], index.tags)
    )
    lost = tuple(UnknownTest(name, near) for name, near in _suggested(absent, index.short_nids() if absent else ()))
    adds = not tags or mode in (Mode.ADD, Mode.BLOCK)
    asked = {**(touched.wanted if adds else {}), **{tag: f"tag {tag} is declared" for tag in tags}}
    reasons = _reasons(tests, index, asked, touched, named)
    missing = _missing(tests, index, tags, touched, reached, set(reasons))
    for nid, evidence in reached.tests.items() if adds else ():
        reasons[nid].extend([why for why, *_ in evidence[:_TOLD]])
    for nid, by in closure(reasons, requirements(tests)).items():
        reasons[nid].append(f"required by {by}")
    everything = _everything(said, tags, (*unknown, *lost), touched, index)
    if mode is Mode.OBSERVE:
        missing = tuple(one._replace(quiet=True) for one in missing)
    chosen, skipped = _split(tests, reasons, everything)
    return Selection(chosen, skipped, missing, unknown, lost, everything)


class _Index:
    """The tests by what they are asked for."""

    def __init__(self, tests: Sequence[Test], known_tags: Collection[str]) -> None:
        self.nids = {test.nid for test in tests}
        self.by_tag: dict[str, list[str]] = defaultdict(list)
        self.by_path: dict[str, list[str]] = defaultdict(list)
        readers: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for test in tests:
            self.by_path[test.path].append(test.nid)
            for tag in test.tags:
                self.by_tag[tag].append(test.nid)
            if test.data:
                readers[test.data].append(test.nid)
        self.data = GlobIndex((glob, nids) for globs, nids in readers.items() for glob in globs)
        self.tags = {*self.by_tag, *known_tags}
        if len(self.nids) != len(tests):
            raise SelectionError(f"the test {_twice(tests)} was collected twice; give its parameters ids of their own")

    def short_nids(self) -> set[str]:
        """The ids as people write them."""
        return {nid.removeprefix("pytest:") for nid in self.nids}


def _suggested(names: Sequence[str], known: Collection[str]) -> list[tuple[str, str | None]]:
    """Each unknown name with the one that was probably meant; only the first few are compared."""
    return [(name, nearest(name, known) if at < _SUGGESTED else None) for at, name in enumerate(names)]


def _twice(tests: Sequence[Test]) -> str:
    seen: set[str] = set()
    return next(test.nid for test in tests if test.nid in seen or seen.add(test.nid))  # type: ignore[func-returns-value]


@dataclass(slots=True)
class _Touched:
    """What the changed files mean: tags wanted (each with why), test files, files that no rule knows, rules for all."""

    wanted: dict[str, str] = field(default_factory=dict)
    test_files: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    readers: dict[str, list[str]] = field(default_factory=dict)
    """By reason the tests that read a changed file."""
    run_all: str | None = None
    any: bool = False


def _touch(change: Change, rules: Sequence[PathRule], index: _Index, explained: Collection[str]) -> _Touched:
    globs = GlobIndex((glob, rule) for rule in rules for glob in rule.globs)
    touched = _Touched(any=bool(change.files))
    for name in change.files:
        path = unicodedata.normalize("NFC", name)
        found = globs.find(path)
        for glob, rule in found:
            if rule.run_all and touched.run_all is None:
                touched.run_all = f"{shown(path)} matches rule {glob}, which wants every test"
            for tag in rule.tags:
                touched.wanted.setdefault(tag, f"{shown(path)} matches rule {glob}; it wants tag {tag}")
        read = index.data.find(path)
        for glob, nids in read:
            touched.readers.setdefault(f"reads {shown(path)} (data {glob})", []).extend(nids)
        if path in index.by_path:
            touched.test_files.append(path)
        elif not found and not read and name not in explained:
            touched.stray.append(path)
    return touched


def _named(said: Declared, index: _Index) -> tuple[list[str], list[str]]:
    """What ``Tests:`` trailers name: nids, and names of no test. A file's path means all tests in it."""
    nids: list[str] = []
    absent = []
    for name in said.tests:
        found = [nid for nid in (name, f"pytest:{name}") if nid in index.nids]
        found = found[:1] or index.by_path.get(name.removeprefix("pytest:"), [])
        nids += found
        if not found:
            absent.append(name)
    return nids, absent


def _reasons(
    tests: Sequence[Test], index: _Index, asked: dict[str, str], touched: _Touched, named: list[str]
) -> dict[str, list[str]]:
    """By nid, why it runs, for those that something asks for; ``asked`` are tags, each with its reason."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for tag, why in asked.items():
        for nid in index.by_tag.get(tag, ()):
            reasons[nid].append(why)
    for path in touched.test_files:
        for nid in index.by_path[path]:
            reasons[nid].append(f"{shown(path)} changed")
    for why, nids in touched.readers.items():
        for nid in nids:
            reasons[nid].append(why)
    for nid in named:
        reasons[nid].append("named by the change")
    for test in tests:
        if test.always:
            reasons[test.nid].append("runs always")
    return reasons


def _missing(
    tests: Sequence[Test],
    index: _Index,
    tags: tuple[str, ...],
    touched: _Touched,
    reached: Reached,
    chosen: Collection[str],
) -> tuple[MissingTag, ...]:
    """Tags that rules want, and the fewest tags beside them that tests carry which the map names and nobody chose."""
    found = {
        tag: MissingTag(tag, because, len(index.by_tag.get(tag, ())))
        for tag, because in touched.wanted.items()
        if tag not in tags
    }
    if not tags:
        return tuple(found.values())
    found |= _fewest(tests, index, reached, chosen, found.keys())
    return tuple(found.values())


def _fewest(
    tests: Sequence[Test], index: _Index, reached: Reached, chosen: Collection[str], told: Collection[str]
) -> dict[str, MissingTag]:
    """The tag that most of the tests carry which nobody chose, then the one that most of the others do, and so on."""
    alike: dict[frozenset[str], tuple[int, str]] = {}  # of tests with the same tags: how many, and why the first
    near = reached.tests
    for nid, _, tags, *_ in tests:
        if nid in near and nid not in chosen and tags.isdisjoint(told) and (why := reached.direct(nid)):
            count, first = alike.get(tags, (0, why))
            alike[tags] = (count + 1, first)
    bearers: dict[str, list[frozenset[str]]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for tags, (count, _) in alike.items():
        for tag in tags:
            bearers[tag].append(tags)
            counts[tag] += count
    found: dict[str, MissingTag] = {}
    while alike and counts:
        most = max(counts.values())
        if not most:
            break  # what is left carries no tag
        tag = min(name for name, count in counts.items() if count == most)
        open_ = [tags for tags in bearers[tag] if tags in alike]
        because = f"{alike[open_[0]][1]}; {counts[tag]} tests of {tag} are concerned"
        found[tag] = MissingTag(tag, because, len(index.by_tag[tag]))
        for tags in open_:
            count, _ = alike.pop(tags)
            for name in tags:
                counts[name] -= count
        del counts[tag]
    return found


def _everything(
    said: Declared,
    tags: tuple[str, ...],
    unknown: tuple[UnknownTag | UnknownTest, ...],
    touched: _Touched,
    index: _Index,
) -> str | None:
    """Why every test runs, None if it does not."""
    if said.run_all:
        return "the change asks for it (Run-All)"
    if unknown:
        return str(unknown[0])
    if touched.run_all is not None:
        return touched.run_all
    for tag, because in touched.wanted.items():
        if tag not in index.tags:
            return f"{because}, which no test carries"
    if tags:
        return None
    if not touched.any:
        return "the change names neither tags nor files"
    if touched.stray:
        more = f" (and {len(touched.stray) - 1} more)" if len(touched.stray) > 1 else ""
        return f"no tag is declared, and no rule knows {shown(touched.stray[0])}{more}"
    return None


def _split(
    tests: Sequence[Test], reasons: dict[str, list[str]], everything: str | None
) -> tuple[tuple[Choice, ...], dict[str, tuple[str, ...]]]:
    chosen = []
    left_out: dict[frozenset[str], list[str]] = defaultdict(list)
    for test in tests:
        why = reasons.get(test.nid)
        if why:
            chosen.append(Choice(test.nid, (why[0],) if len(why) == 1 else tuple(dict.fromkeys(why))))
        elif everything is not None:
            chosen.append(Choice(test.nid, _ALL))
        else:
            left_out[test.tags].append(test.nid)
    return tuple(chosen), {_unwanted(tags): tuple(nids) for tags, nids in left_out.items()}


def _unwanted(tags: frozenset[str]) -> str:
    if not tags:
        return "carries no tag, and its file did not change"
    return f"nothing wants {', '.join(sorted(tags))}"
