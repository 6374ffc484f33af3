# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.selection import GlobIndex, matches
from buildbot_cd.errors import SelectionError

PARTS = st.text("ab*?.[", min_size=1, max_size=4)
GLOBS = st.lists(st.one_of(st.just("**"), PARTS), min_size=1, max_size=5).map("/".join)
PATHS = st.lists(st.text("ab.[", min_size=1, max_size=3), min_size=1, max_size=5).map("/".join)


def plain(glob: str, path: str) -> bool:
    """The documented meaning, part by part, without a regular expression for the whole."""

    def parts(patterns: list[str], names: list[str]) -> bool:
        if not patterns:
            return not names
        head, *rest = patterns
        if head == "**":
            if not rest:
                return bool(names)
            return parts(rest, names) or (bool(names) and parts(patterns, names[1:]))
        if not names or not part(head, names[0]):
            return False
        if not rest and not re.search(r"[*?]", head):
            return True  # a literal last part names a file or a whole folder
        return parts(rest, names[1:])

    def part(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return part(pattern[1:], name) or (bool(name) and part(pattern, name[1:]))
        return bool(name) and pattern[0] in ("?", name[0]) and part(pattern[1:], name[1:])

    return parts(re.sub(r"^(\./)+", "", glob).split("/"), path.split("/"))


@given(GLOBS, PATHS)
def test_a_glob_means_what_the_page_says(glob: str, path: str) -> None:
    """The expression and a plain reading of the definition agree on every glob and path."""
    assert matches(glob, path) is plain(glob, path)


@given(st.lists(GLOBS, max_size=12), PATHS)
def test_the_index_finds_what_single_globs_match(globs: list[str], path: str) -> None:
    """The index leaves out no glob that matches, adds none, and keeps their order."""
    found = GlobIndex((glob, number) for number, glob in enumerate(globs)).find(path)
    assert [number for _, number in found] == [n for n, glob in enumerate(globs) if matches(glob, path)]


@pytest.mark.parametrize(
    ("glob", "path", "match"),
    [
        ("docs", "docs/a/b.md", True),
        ("docs/", "docs/a/b.md", True),
        ("docs/", "docs", False),
        ("docs", "docsx/a", False),
        ("./src/*.py", "src/a.py", True),
        ("/src/*.py", "src/a.py", True),
        ("src/*.py", "src/a/b.py", False),
        ("**/conftest.py", "conftest.py", True),
        ("**/conftest.py", "a/b/conftest.py", True),
        ("src/**", "src/a/b.py", True),
        ("src/**", "src", False),
        ("a/**/b.py", "a/b.py", True),
        ("[ab].py", "a.py", False),
        ("[ab].py", "[ab].py", True),
        ("SRC/*.py", "src/a.py", False),
        ("cafe\u0301.py", "caf\u00e9.py", True),
        ("*.py", "new\nline.py", True),
    ],
)
def test_examples(glob: str, path: str, match: bool) -> None:
    """Folders, anchors, brackets, case and composed letters."""
    assert matches(glob, path) is match


@pytest.mark.parametrize(("glob", "said"), [("", "is empty"), ("./", "is empty"), ("!src/**", "begins with '!'")])
def test_a_glob_that_means_nothing_is_refused(glob: str, said: str) -> None:
    """Empty globs and negations are errors that tell the remedy."""
    with pytest.raises(SelectionError, match=said):
        matches(glob, "a")


def test_no_glob_takes_long() -> None:
    """Whoever may push may write globs: the worst of them end at once on long paths."""
    path = "/".join(["a" * 60] * 60)
    start = time.process_time()
    for glob in ("*a" * 40 + "b", "/".join(["**", "a*"] * 25) + "/b", "**/" * 30 + "b", "?*" * 50 + "b"):
        assert not matches(glob, path)
    assert time.process_time() - start < 1.0
