# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.config import parse_repository
from buildbot_cd.core.backstop import Aged, propose, stalest

if TYPE_CHECKING:
    from pathlib import Path

TEST, NAME = "pytest:tests/test_cart.py::test_total", ".buildbot-cd.yaml"
BLOCK = "# ours\nrules:  # which\n# the cart\n- paths: src/cart/**\n  tags: cart\ntags: {cart: it, tax: taxes}\n"
INDENTED = "tags:\n  cart: it\n  tax: taxes\nrules:\n    - {paths: x, run: all}\n"
FILES = "tests:\n  roots: [tests]\n  files:\n    - {glob: x, always: true}\n"


def applied(patch: str, text: str, folder: Path) -> str:
    """What the patch makes of the file, by git's own word."""
    place = folder / NAME
    if text:
        place.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "apply", "-p1", "-"], cwd=folder, input=patch, text=True, check=True)
    return place.read_text()


@pytest.mark.parametrize("text", ["", BLOCK, INDENTED, "tags: {cart: it, tax: taxes}\n", "missing_tags: warn"])
def test_the_patch_adds_a_rule_that_the_file_s_own_reader_takes(text: str, tmp_path: Path) -> None:
    """Whatever the file's style; what it said before, it says still."""
    found = propose(TEST, {"tax", "cart"}, {"cart"}, ["src/rates.py", "tests/test_cart.py"], text, NAME)
    assert found is not None
    assert (found.tag, found.globs) == ("tax", ("src/rates.py",))
    before = parse_repository(text)
    after = parse_repository(applied(found.patch, text, tmp_path))
    assert {(one.paths, one.tags) for one in after.rules} == {
        *((one.paths, one.tags) for one in before.rules),
        (("src/rates.py",), ("tax",)),
    }
    assert (after.tags, after.missing_tags) == (before.tags, before.missing_tags)


@pytest.mark.parametrize("text", ["", FILES, "tests:\n  roots: [tests]\n", BLOCK])
def test_a_test_without_tags_is_told_what_it_reads(text: str, tmp_path: Path) -> None:
    """By no tag could it be asked for."""
    found = propose(TEST, set(), set(), ["src/rates.py"], text, NAME)
    assert found is not None
    assert found.tag == ""
    after = parse_repository(applied(found.patch, text, tmp_path))
    (one,) = [one for one in after.tests.files if one.data]
    assert (one.glob, one.data) == ("tests/test_cart.py", ("src/rates.py",))


def test_a_list_in_one_line_is_left_to_people() -> None:
    """The rule is told all the same."""
    found = propose(TEST, {"tax"}, set(), ["a.py"], "rules: [{paths: x, run: all}]\n", NAME)
    assert found is not None
    assert found.patch == ""
    assert found.rule == "- {paths: [a.py], tags: [tax]}"


def test_many_files_are_named_by_folder_and_odd_names_in_quotes(tmp_path: Path) -> None:
    """A name is data: it cannot become another key of the file."""
    many = [f"src/{name}.py" for name in "abcd"]
    found = propose(TEST, {"tax"}, set(), many, "", NAME)
    assert found is not None
    assert found.globs == ("src/**",)
    found = propose(TEST, {"tax"}, set(), ["a, b\n]: {x", "*", "ü#.py"], "", NAME)
    assert found is not None
    (rule,) = parse_repository(applied(found.patch, "", tmp_path)).rules
    assert rule.paths == ("a, b??: ?x", "*", "ü#.py")


def test_a_change_of_tests_alone_proposes_nothing() -> None:
    """There is no file that a rule could name."""
    assert propose(TEST, {"tax"}, set(), ["tests/test_cart.py"], "", NAME) is None


def test_idle_workers_get_what_is_old_and_cheap_first() -> None:
    """Age for each second; what does not fit is passed over, but one test is always given."""
    tests = [Aged("old", 10, 0), Aged("cheap", 1, 90), Aged("fresh", 1, 99), Aged("long", 100, 0)]
    assert stalest(tests, 100, 11.5) == ["cheap", "old"]
    assert stalest(tests[3:], 100, 5) == ["long"]
    assert stalest([], 100, 5) == []
