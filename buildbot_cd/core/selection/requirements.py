# SPDX-License-Identifier: GPL-2.0-only
"""Which tests must have passed before which: names resolved, cycles refused, closures taken."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from buildbot_cd.core.selection.globs import matches, normal
from buildbot_cd.core.selection.nearest import nearest
from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.selection.values import Test

_CHAIN = 8
"""A longer cycle is printed with its middle left out."""


def requirements(tests: Sequence[Test]) -> dict[str, tuple[str, ...]]:
    """By nid, the nids that it requires; tests without requirements are left out.

    A requirement is a test's id, with or without ``pytest:`` before it; a function or class, which means all its tests;
    or a glob of files, which means all tests in them. Tests in files that the glob matches do not require each other.

    Raises SelectionError for a name that stands for no test, and for a cycle, which it prints.
    """
    wanting = [test for test in tests if test.requires]
    if not wanting:
        return {}
    names = _Names(tests)
    found = {test.nid: names.of(test) for test in wanting}
    _refuse_cycles(found)
    return {nid: needs for nid, needs in found.items() if needs}


class _Names:
    """Resolves what tests call each other; each name once."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._paths = {test[0]: test[1] for test in tests}
        self._known: dict[str, tuple[tuple[str, ...], bool]] = {}

    @cached_property
    def _inside(self) -> dict[str, list[str]]:
        """The tests in each class and function: only made if a name is no test's own."""
        found: dict[str, list[str]] = {}
        for nid in self._paths:
            for name in _prefixes(nid):
                found.setdefault(name, []).append(nid)
        return found

    def of(self, test: Test) -> tuple[str, ...]:
        """The nids that this test requires."""
        paths = self._paths
        direct = [name if name in paths else f"pytest:{name}" for name in test.requires]
        if paths.keys() >= set(direct):  # nearly always
            return tuple(dict.fromkeys(direct))
        needs: dict[str, None] = {}
        for name in test.requires:
            if name not in self._known:
                self._known[name] = self._resolve(name)
            nids, is_glob = self._known[name]
            if not nids:
                raise SelectionError(self._unknown(test, name))
            if is_glob and matches(_glob(name), test.path):
                continue
            needs.update(dict.fromkeys(nids))
        return tuple(needs)

    def _resolve(self, name: str) -> tuple[tuple[str, ...], bool]:
        for key in (name, f"pytest:{name}"):
            if key in self._paths:
                return (key,), False
        for key in (name, f"pytest:{name}"):
            if "::" in key or key in self._paths:
                nids = [key] if key in self._paths else self._inside.get(key, [])
                if nids:
                    return tuple(nids), False
                file = key.split("::", 1)[0]  # a file that could not be collected stands for the tests in it
                if file in self._paths:
                    return (file,), False
        if "::" in name:
            return (), False
        glob = _glob(name)
        return tuple(nid for nid, path in self._paths.items() if matches(glob, path)), True

    def _unknown(self, test: Test, name: str) -> str:
        near = nearest(name.removeprefix("pytest:"), {nid.removeprefix("pytest:") for nid in self._paths})
        hint = f"; did you mean {near!r}?" if near else "; name a test's id or a glob of test files"
        return f"{test.nid} requires {name!r}, which is no test and matches no test file{hint}"


def _glob(name: str) -> str:
    return normal(name.removeprefix("pytest:"))


def _prefixes(nid: str) -> list[str]:
    """The classes and the function that the id lies in: ``p::C::f[1]`` lies in ``p::C`` and ``p::C::f``."""
    path, colons, inner_name = nid.partition("::")  # a path may have brackets of its own
    bare = path + colons + inner_name.split("[", 1)[0]
    parts = bare.split("::")
    inner = ["::".join(parts[:count]) for count in range(2, len(parts))]
    return [*inner, bare] if bare != nid and len(parts) > 1 else inner


def _refuse_cycles(needs: Mapping[str, tuple[str, ...]]) -> None:
    """Depth first, without recursion: chains may be longer than Python's stack."""
    done = {nid for nid, after in needs.items() if needs.keys().isdisjoint(after)}  # nearly all, as a rule
    for start in needs:
        if start in done:
            continue
        way: dict[str, None] = {start: None}
        stack = [iter(needs[start])]
        while stack:
            after = next(stack[-1], None)
            if after is None:
                stack.pop()
                done.add(way.popitem()[0])
            elif after in way:
                raise SelectionError(_cycle([*way], after))
            elif after not in done:
                way[after] = None
                stack.append(iter(needs.get(after, ())))


def _cycle(way: list[str], again: str) -> str:
    ring = [*way[way.index(again) :], again]
    if len(ring) > _CHAIN:
        ring = [*ring[: _CHAIN // 2], f"({len(ring) - _CHAIN} more)", *ring[-_CHAIN // 2 :]]
    return f"tests require each other in a circle: {' -> '.join(ring)}; take one of these requirements away"


def closure(chosen: Iterable[str], needs: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """All that the chosen tests require and that is not chosen itself, by nid, with a test that requires it."""
    added: dict[str, str] = {}
    seen = set(chosen)
    stack = sorted([nid for nid in needs if nid in seen], reverse=True)
    while stack:
        nid = stack.pop()
        for after in needs.get(nid, ()):
            if after not in seen:
                seen.add(after)
                added[after] = nid
                stack.append(after)
    return added
