# SPDX-License-Identifier: GPL-2.0-only
"""The selection itself. Tags come first; rules only ever add; what nothing is known about runs everything."""

from __future__ import annotations

import gc
import heapq
import unicodedata
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import compress, repeat
from operator import not_
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
from buildbot_cd.core.selection.values import Mode, Test
from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from buildbot_cd.core.selection.reached import Evidence
    from buildbot_cd.core.selection.values import Change, Declared, PathRule

_ALL = ("everything runs",)

_choice: Callable[[tuple[str, tuple[str, ...]]], Choice] = partial(tuple.__new__, Choice)
"""A choice of both its fields: there may be 40,000 in 100 ms."""

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
    with _uncollected():
        return _select(tests, path_rules, change, known_tags, mode, reached)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector of cycles out: none are made here, and it would look through 40,000 tests again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _select(
    tests: Sequence[Test],
    path_rules: Sequence[PathRule],
    change: Change,
    known_tags: Collection[str],
    mode: Mode,
    reached: Reached,
) -> Selection:
    index = _Index(tests, known_tags)
    said = declared(change.messages)
    tags = tuple(dict.fromkeys((*said.tags, *change.tags)))
    adds = not tags or mode in (Mode.ADD, Mode.BLOCK)
    touched = _touch(change, path_rules, index, reached, adds=adds)
    named, absent = _named(said, index)
    unknown = tuple(
        UnknownTag(tag, near) for tag, near in _suggested([tag for tag in tags if tag not in index.tags], index.tags)
    )
    lost = tuple(UnknownTest(name, near) for name, near in _suggested(absent, index.short_nids() if absent else ()))
    asked = {**(touched.wanted if adds else {}), **{tag: f"tag {tag} is declared" for tag in tags}}
    reasons = _reasons(index, asked, touched, named)
    missing = _missing(index, tags, touched, reached, reasons)
    near = reached.tests if adds else {}
    for nid, by in closure({*reasons, *near}, requirements(tests)).items():
        reasons[nid].append(f"required by {by}")
    everything = _everything(said, tags, (*unknown, *lost), touched, index)
    if mode is Mode.OBSERVE:
        missing = tuple(one._replace(quiet=True) for one in missing)
    chosen, skipped = _split(index, reasons, near, everything)
    return Selection(chosen, skipped, missing, unknown, lost, everything)


class _Index:
    """The tests by what they are asked for. What many tests have is counted, not listed: there may be 40,000 tests."""

    def __init__(self, tests: Sequence[Test], known_tags: Collection[str]) -> None:
        fields = list(zip(*tests, strict=True)) or [()] * len(Test._fields)
        self.order, self.paths, self.tagged, _, _, always, data = fields
        self.nids, self.files = set(self.order), set(self.paths)
        self.always = list(compress(self.order, always))
        readers: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for nid, globs in compress(zip(self.order, data, strict=True), data):
            readers[globs].append(nid)
        self.counts: dict[str, int] = defaultdict(int)
        for tags, count in Counter(self.tagged).items():
            for tag in tags:
                self.counts[tag] += count
        self.data = GlobIndex((glob, nids) for globs, nids in readers.items() for glob in globs)
        self.tags = {*self.counts, *known_tags}
        if len(self.nids) != len(tests):
            raise SelectionError(f"the test {_twice(tests)} was collected twice; give its parameters ids of their own")

    @cached_property
    def by_path(self) -> Mapping[str, list[str]]:
        """The tests in each file: only made if a change names a file of tests."""
        found: dict[str, list[str]] = {path: [] for path in self.files}
        for nid, path in zip(self.order, self.paths, strict=True):
            found[path].append(nid)
        return found

    def inside(self, files: Collection[str]) -> Iterator[tuple[str, str]]:
        """The tests in these files, each with its file."""
        if not self.files.isdisjoint(files):
            wanted = frozenset(files)
            yield from ((nid, path) for nid, path in zip(self.order, self.paths, strict=True) if path in wanted)

    def bearers(self, tags: Collection[str]) -> Iterator[tuple[str, frozenset[str]]]:
        """The tests that carry one of the tags or more, each with all that it carries."""
        if not self.counts.keys().isdisjoint(tags):
            wanted = frozenset(tags)
            yield from ((nid, has) for nid, has in self.tests() if not has.isdisjoint(wanted))

    def tests(self) -> Iterator[tuple[str, frozenset[str]]]:
        """All tests in their order, each with its tags."""
        return zip(self.order, self.tagged, strict=True)

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


def _touch(change: Change, rules: Sequence[PathRule], index: _Index, reached: Reached, *, adds: bool) -> _Touched:
    """Of a test file in which only bodies changed, the map tells which tests that is about, if it may add some."""
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
        if path in index.files:
            if not adds or name not in reached.inside:
                touched.test_files.append(path)
        elif not found and not read and name not in reached.explained:
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


def _reasons(index: _Index, asked: dict[str, str], touched: _Touched, named: list[str]) -> dict[str, list[str]]:
    """By nid, why it runs, for those that something asks for; ``asked`` are tags, each with its reason."""
    reasons: dict[str, list[str]] = defaultdict(list)
    places = {tag: place for place, tag in enumerate(asked)}
    for nid, tags in index.bearers(asked):
        reasons[nid] += [asked[tag] for tag in sorted(tags & asked.keys(), key=places.__getitem__)]
    for nid, path in index.inside(touched.test_files):
        reasons[nid].append(f"{shown(path)} changed")
    for why, nids in touched.readers.items():
        for nid in nids:
            reasons[nid].append(why)
    for nid in named:
        reasons[nid].append("named by the change")
    for nid in index.always:
        reasons[nid].append("runs always")
    return reasons


def _missing(
    index: _Index, tags: tuple[str, ...], touched: _Touched, reached: Reached, chosen: Collection[str]
) -> tuple[MissingTag, ...]:
    """Tags that rules want, and the fewest tags beside them that tests carry which the map names and nobody chose."""
    found = {
        tag: MissingTag(tag, because, index.counts.get(tag, 0))
        for tag, because in touched.wanted.items()
        if tag not in tags
    }
    if not tags:
        return tuple(found.values())
    found |= _fewest(index, reached, chosen, found.keys())
    return tuple(found.values())


def _fewest(index: _Index, reached: Reached, chosen: Collection[str], told: Collection[str]) -> dict[str, MissingTag]:
    """The tag that most of the tests carry which nobody chose, then the one that most of the others do, and so on."""
    direct = {nid for nid, evidence in reached.tests.items() if evidence[0].direct or reached.direct(nid)}
    direct.difference_update(chosen)
    if not direct:
        return {}
    concerned = [(tags, nid) for nid, tags in index.tests() if nid in direct]
    alike = Counter([tags for tags, _ in concerned])
    first = dict(reversed(concerned))
    bearers: dict[str, list[frozenset[str]]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for tags, count in alike.items():
        if tags.isdisjoint(told):
            for tag in tags:
                bearers[tag].append(tags)
                counts[tag] += count
    found: dict[str, MissingTag] = {}
    heap = [(-count, tag) for tag, count in counts.items()]
    heapq.heapify(heap)
    while heap:
        most, tag = heapq.heappop(heap)
        if -most != counts[tag]:  # others have taken some of its tests
            if counts[tag]:
                heapq.heappush(heap, (-counts[tag], tag))
            continue
        open_ = [tags for tags in bearers[tag] if tags in alike]
        because = f"{reached.direct(first[open_[0]])}; {counts[tag]} tests of {tag} are concerned"
        found[tag] = MissingTag(tag, because, index.counts.get(tag, 0))
        for tags in open_:
            count = alike.pop(tags)
            for name in tags:
                counts[name] -= count
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
    index: _Index, reasons: Mapping[str, list[str]], near: Mapping[str, tuple[Evidence, ...]], everything: str | None
) -> tuple[tuple[Choice, ...], dict[str, tuple[str, ...]]]:
    """The tests that run, in their order, and those that do not, by reason."""
    evidence = {id(one): one for one in near.values()}  # many tests share one
    said = {number: tuple([each.why for each in one[:_TOLD]]) for number, one in evidence.items()}
    words = {nid: said[id(one)] for nid, one in near.items()}
    for nid, own in reasons.items():
        more = words.get(nid, ())
        words[nid] = tuple(own) if len(own) == 1 and not more else tuple(dict.fromkeys((*own, *more))) or _ALL
    if everything is not None:
        return tuple(map(_choice, zip(index.order, map(words.get, index.order, repeat(_ALL)), strict=True))), {}
    runs = [nid in words for nid in index.order]
    nids = list(compress(index.order, runs))
    left_out: dict[frozenset[str], list[str]] = defaultdict(list)
    for nid, tags in compress(index.tests(), map(not_, runs)):
        left_out[tags].append(nid)
    chosen = tuple(map(_choice, zip(nids, map(words.__getitem__, nids), strict=True)))
    return chosen, {_unwanted(tags): tuple(nids) for tags, nids in left_out.items()}


def _unwanted(tags: frozenset[str]) -> str:
    if not tags:
        return "carries no tag, and its file did not change"
    return f"nothing wants {', '.join(sorted(tags))}"
