# SPDX-License-Identifier: GPL-2.0-only
"""What a repository's file says of tests, added to what the tests say of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.selection.globs import GlobIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from buildbot_cd.core.selection.values import Test, TestRule


def with_rules(tests: Iterable[Test], rules: Sequence[TestRule]) -> tuple[Test, ...]:
    """The tests with tags, requirements and ``always`` of every rule that matches their file; nothing is taken away."""
    index = GlobIndex((rule.glob, rule) for rule in rules)
    by_path: dict[str, list[TestRule]] = {}
    changed = []
    for test in tests:
        found = by_path.get(test.path)
        if found is None:
            found = by_path[test.path] = [rule for _, rule in index.find(test.path)]
        changed.append(_with(test, found) if found else test)
    return tuple(changed)


def _with(test: Test, rules: list[TestRule]) -> Test:
    requires = (*test.requires, *(name for rule in rules for name in rule.requires))
    return replace(
        test,
        tags=test.tags.union(*(rule.tags for rule in rules)),
        requires=tuple(dict.fromkeys(requires)),
        always=test.always or any(rule.always for rule in rules),
    )
