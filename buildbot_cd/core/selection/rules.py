# SPDX-License-Identifier: GPL-2.0-only
"""What a repository's file says of tests, added to what the tests say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.selection.globs import GlobIndex
from buildbot_cd.core.selection.values import Test

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from buildbot_cd.core.selection.values import TestRule


def with_rules(tests: Iterable[Test], rules: Sequence[TestRule]) -> tuple[Test, ...]:
    """The tests with what every rule says that matches their file; nothing that they say themselves is taken away.

    Tags, requirements and data files add up, ``always`` holds if anybody says so; of groups the test's own counts, else
    the first rule's. One group for a file means that its tests run together.
    """
    index = GlobIndex((rule.glob, rule) for rule in rules)
    by_path: dict[str, _Ruled | None] = {}
    changed = []
    for test in tests:
        if test.path not in by_path:
            found = [rule for _, rule in index.find(test.path)]
            by_path[test.path] = _Ruled(found) if found else None
        ruled = by_path[test.path]
        changed.append(test if ruled is None else ruled.test(test))
    return tuple(changed)


class _Ruled:
    """What the rules say of one file's tests."""

    def __init__(self, rules: list[TestRule]) -> None:
        self._tags = frozenset(tag for rule in rules for tag in rule.tags)
        self._requires = tuple(dict.fromkeys(name for rule in rules for name in rule.requires))
        self._always = any(rule.always for rule in rules)
        self._group = next((rule.group for rule in rules if rule.group is not None), None)
        self._data = tuple(dict.fromkeys(glob for rule in rules for glob in rule.data))
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def test(self, test: Test) -> Test:
        """The test with all that."""
        nid, path, tags, requires, group, always, data = test
        union = self._known.get(tags)
        if union is None:
            union = self._known[tags] = tags | self._tags
        if self._requires:
            requires = tuple(dict.fromkeys((*requires, *self._requires)))
        return Test(
            nid,
            path,
            union,
            requires,
            self._group if group is None else group,
            always or self._always,
            (*data, *self._data) if self._data else data,
        )
