# SPDX-License-Identifier: GPL-2.0-only
"""Whether a repository's map fits its files and tests: what matches nothing, what carries nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from buildbot_cd.core.selection.globs import GlobIndex
from buildbot_cd.core.selection.nearest import nearest
from buildbot_cd.core.selection.requirements import requirements
from buildbot_cd.core.selection.rules import with_rules
from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.selection.values import PathRule, Test, TestRule

_SHOWN = 5
"""Tests that a finding names."""


class Finding(NamedTuple):
    """Something that does not fit; an ``error`` would stop or mislead a run, anything else is worth a look.

    ``place`` is where in .buildbot-cd.yaml, as ``rules[3].paths``, or empty.
    """

    place: str
    text: str
    error: bool = True


def audit(
    tests: Sequence[Test],
    test_rules: Sequence[TestRule],
    path_rules: Sequence[PathRule],
    known_tags: Mapping[str, str],
    files: Iterable[str],
) -> list[Finding]:
    """What does not fit, errors first. ``files`` are all of the repository, ``tests`` as they were collected."""
    paths = sorted(files)
    ruled = with_rules(tests, test_rules)
    carried = {tag for test in ruled for tag in test.tags}
    found = [
        *_idle_rules(test_rules, path_rules, {test.path for test in tests}, paths),
        *_tags(ruled, path_rules, known_tags, carried),
        *_bare(ruled),
    ]
    try:
        requirements(ruled)
    except SelectionError as error:
        found.append(Finding("", str(error)))
    return sorted(found, key=lambda one: not one.error)


def _idle_rules(
    test_rules: Sequence[TestRule], path_rules: Sequence[PathRule], test_paths: set[str], paths: list[str]
) -> list[Finding]:
    """Globs that match no file; of tests also those that match files, but none with tests."""
    globs: list[tuple[str, tuple[str, str]]] = []
    for number, rule in enumerate(path_rules):
        globs += [(glob, (f"rules[{number}].paths", glob)) for glob in rule.globs]
    for number, one in enumerate(test_rules):
        globs += [(glob, (f"tests.files[{number}].data", glob)) for glob in one.data]
    matched = _matched(globs, paths)
    found = [Finding(place, f"{glob} matches no file") for _, (place, glob) in globs if (place, glob) not in matched]
    of_tests = [(one.glob, (f"tests.files[{number}].glob", one.glob)) for number, one in enumerate(test_rules)]
    matched = _matched(of_tests, sorted(test_paths))
    found += [
        Finding(place, f"{glob} matches no file with tests")
        for _, (place, glob) in of_tests
        if (place, glob) not in matched
    ]
    return found


def _matched(globs: list[tuple[str, tuple[str, str]]], paths: list[str]) -> set[tuple[str, str]]:
    index = GlobIndex(globs)
    return {value for path in paths for _, value in index.find(path)}


def _tags(
    tests: Sequence[Test], path_rules: Sequence[PathRule], known_tags: Mapping[str, str], carried: set[str]
) -> list[Finding]:
    """Tags that no test carries, and, where tags are listed, tags that are not."""
    found = [
        Finding(
            f"rules[{number}].tags", f"no test carries the tag {tag}{_hint(tag, carried)}; the rule runs every test"
        )
        for number, rule in enumerate(path_rules)
        for tag in rule.tags
        if tag not in carried
    ]
    found += [
        Finding("tags", f"no test carries the tag {tag}", error=False) for tag in known_tags if tag not in carried
    ]
    if known_tags:
        for tag in sorted(carried - set(known_tags)):
            bearer = next(test.nid for test in tests if tag in test.tags)
            found.append(
                Finding("tags", f"{bearer} carries the tag {tag}, which is not listed{_hint(tag, known_tags)}")
            )
    return found


def _hint(tag: str, known: Iterable[str]) -> str:
    near = nearest(tag, known)
    return f" (did you mean {near}?)" if near else ""


def _bare(tests: Sequence[Test]) -> list[Finding]:
    """Tests that only a change of their own file, or a run of everything, runs."""
    bare = [test.nid.removeprefix("pytest:") for test in tests if not test.tags and not test.always]
    if not bare:
        return []
    more = f" and {len(bare) - _SHOWN} more" if len(bare) > _SHOWN else ""
    names = ", ".join(bare[:_SHOWN])
    return [Finding("", f"{len(bare)} of {len(tests)} tests carry no tag: {names}{more}", error=False)]
