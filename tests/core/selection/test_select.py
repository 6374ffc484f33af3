# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.selection import Change, Mode, PathRule, Selection, Test, TestRule, select, with_rules
from buildbot_cd.errors import SelectionError

CART = Test("pytest:t/cart.py::total", "t/cart.py", frozenset({"cart"}))
TAX = Test("pytest:t/tax.py::rate", "t/tax.py", frozenset({"tax"}))
SMOKE = Test("pytest:t/smoke.py::up", "t/smoke.py", frozenset(), always=True)
BARE = Test("pytest:t/bare.py::it", "t/bare.py")
TESTS = (CART, TAX, SMOKE, BARE)
RULES = (PathRule(("src/cart/**",), ("cart",)), PathRule(("uv.lock", "**/conftest.py"), run_all=True))


def names(selection: Selection) -> list[str]:
    """The functions that run."""
    return [one.nid.rsplit("::", 1)[1] for one in selection.chosen]


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        (Change(("README",), ("s\n\nTags: tax",)), ["rate", "up"]),
        (Change(("README",), ("s",), ("tax",)), ["rate", "up"]),
        (Change(("src/cart/a.py",)), ["total", "up"]),
        (Change(("src/cart/a.py",), ("s\n\nTags: tax",)), ["total", "rate", "up"]),
        (Change(("t/bare.py",)), ["up", "it"]),
        (Change(("t/bare.py",), ("s\n\nTests: +t/tax.py::rate",)), ["rate", "up", "it"]),
        (Change(("t/bare.py",), ("s\n\nTests: t/tax.py",)), ["rate", "up", "it"]),
    ],
)
def test_a_change_gets_its_tests(change: Change, runs: list[str]) -> None:
    """By declared tags, path rules, changed test files and names; what runs always is always there."""
    assert names(select(TESTS, RULES, change)) == runs


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change(("src/new.py",)), "no rule knows src/new.py"),
        (Change(("src/new.py", "b", "c")), "src/new.py (and 2 more)"),
        (Change(()), "neither tags nor files"),
        (Change(("uv.lock",), ("s\n\nTags: tax",)), "uv.lock matches rule uv.lock, which wants every test"),
        (Change(("t/conftest.py",)), "conftest.py"),
        (Change(("t/bare.py",), ("s\n\nRun-All: yes",)), "Run-All"),
        (Change(("t/bare.py",), ("s\n\nTags: taxes",)), "there is no tag taxes, did you mean tax?"),
        (Change(("t/bare.py",), ("s\n\nTests: t/tax.py::rat",)), "there is no test t/tax.py::rat"),
    ],
)
def test_what_nothing_is_known_about_runs_everything(change: Change, why: str) -> None:
    """Unknown files, unknown names, rules for all and wishes run every test, and say why."""
    selection = select(TESTS, RULES, change)
    assert len(selection.chosen) == len(TESTS)
    assert selection.everything is not None
    assert why in selection.everything


def test_a_wanted_tag_that_no_test_carries_runs_everything() -> None:
    """A rule for a tag without tests would silently select nothing."""
    selection = select([TAX], [PathRule(("src/cart/**",), ("cart",))], Change(("src/cart/a.py",)))
    assert selection.everything == "src/cart/a.py matches rule src/cart/**; it wants tag cart, which no test carries"


def test_a_missing_tag_is_told() -> None:
    """A tag that only a rule wants is named with its rule and the number of its tests; a declared one is not."""
    selection = select(TESTS, RULES, Change(("src/cart/a.py",), ("s\n\nTags: tax",)))
    ((tag, because, tests, _quiet),) = selection.missing_tags
    assert (tag, tests) == ("cart", 1)
    assert because == "src/cart/a.py matches rule src/cart/**; it wants tag cart"
    assert select(TESTS, RULES, Change(("src/cart/a.py",), ("s\n\nTags: cart",))).missing_tags == ()


def test_requirements_come_along() -> None:
    """What a chosen test requires runs too, with that as its reason."""
    needs = Test("pytest:t/x.py::x", "t/x.py", frozenset({"x"}), requires=("t/tax.py::rate",))
    selection = select([TAX, needs, BARE], [], Change(("a",), ("s\n\nTags: x",)))
    reasons = {one.nid: one.reasons for one in selection.chosen}
    assert reasons[TAX.nid] == ("required by pytest:t/x.py::x",)
    assert names(selection) == ["rate", "x"]


def test_a_doubled_test_is_refused() -> None:
    """Two tests of one id would share a result."""
    with pytest.raises(SelectionError, match=r"t/cart\.py::total was collected twice"):
        select([CART, CART], [], Change(()))


FILES = st.lists(st.sampled_from(["src/cart/a.py", "t/tax.py", "t/bare.py", "uv.lock", "new.c"]), max_size=3)
TAGS = st.lists(st.sampled_from(["cart", "tax", "nosuch"]), max_size=2)
RULE_SETS = st.lists(
    st.builds(PathRule, st.just(("**",)), st.sampled_from([("cart",), ("tax",), ("cart", "tax")])), max_size=2
)


@given(FILES, TAGS, RULE_SETS)
def test_rules_only_add(files: list[str], tags: list[str], rules: list[PathRule]) -> None:
    """Declared tests and changed test files run whatever rules there are, and each test is in or out with a reason."""
    change = Change(tuple(files), (), tuple(tags))
    selection = select(TESTS, rules, change)
    chosen = {one.nid for one in selection.chosen}
    assert {test.nid for test in TESTS if test.tags.intersection(tags) or test.path in files or test.always} <= chosen
    assert chosen.isdisjoint(one.nid for one in selection.left_out)
    assert len(selection.chosen) + len(selection.left_out) == len(TESTS)
    assert all(one.reasons for one in selection.chosen)
    assert all(one.reason for one in selection.left_out)
    assert Selection.from_json(json.loads(json.dumps(selection.to_json()))) == selection


@given(FILES, FILES, TAGS)
def test_more_files_never_mean_fewer_tests(files: list[str], more: list[str], tags: list[str]) -> None:
    """A change of a larger set of files runs at least what the smaller one runs, if it touches anything at all."""
    small = select(TESTS, RULES, Change(tuple(files), (), tuple(tags)))
    large = select(TESTS, RULES, Change((*files, *more), (), tuple(tags)))
    if files:
        assert {one.nid for one in small.chosen} <= {one.nid for one in large.chosen}


def test_rules_of_the_repository_add_to_tests() -> None:
    """A glob gives tags, requirements and always to what the tests say themselves, and takes nothing away."""
    rules = [TestRule("t/**", ("all",), ("t/smoke.py",)), TestRule("t/cart.py", ("money",), always=True)]
    by_nid = {test.nid: test for test in with_rules(TESTS, rules)}
    assert by_nid[CART.nid].tags == {"cart", "all", "money"}
    assert by_nid[CART.nid].always
    assert by_nid[TAX.nid].requires == ("t/smoke.py",)
    assert by_nid[SMOKE.nid].always


def test_texts_from_a_push_cannot_forge_lines() -> None:
    """A file name with a line break stands escaped in the log."""
    text = select(TESTS, RULES, Change(("x\nrun (0):",))).text()
    assert "x\\nrun (0):" in text


def test_the_record_of_something_else_is_refused() -> None:
    """A recorded selection that is none gives an error with the remedy."""
    with pytest.raises(SelectionError, match="plan the run anew"):
        Selection.from_json({"chosen": 3})


DATA = Test("pytest:t/read.py::table", "t/read.py", frozenset({"tax"}), data=("rates/*.csv",))


def test_a_changed_data_file_runs_its_readers() -> None:
    """Files that tests read are declared as globs (testmon #178, #49, #12); a change of one is no stray change."""
    selection = select((*TESTS, DATA), RULES, Change(("rates/uk.csv",)))
    assert names(selection) == ["up", "table"]
    assert selection.chosen[1].reasons == ("reads rates/uk.csv (data rates/*.csv)",)


@pytest.mark.parametrize(
    ("mode", "runs", "told"),
    [
        (Mode.OBSERVE, ["rate", "up"], "2 of 4 tests"),
        (Mode.WARN, ["rate", "up"], "2 of 4 tests; missing tags: cart"),
        (Mode.ADD, ["total", "rate", "up"], "3 of 4 tests; missing tags: cart"),
        (Mode.BLOCK, ["total", "rate", "up"], "3 of 4 tests; missing tags: cart"),
    ],
)
def test_the_mode_says_what_becomes_of_a_missing_tag(mode: Mode, runs: list[str], told: str) -> None:
    """Kept, told, or run as well; a declared tag's tests run in every mode."""
    selection = select(TESTS, RULES, Change(("src/cart/a.py",), ("s\n\nTags: tax",)), (), mode)
    assert names(selection) == runs
    assert selection.summary() == told
    assert [one.tag for one in selection.missing_tags] == ["cart"]


@pytest.mark.parametrize("mode", Mode)
def test_without_declared_tags_the_rules_select(mode: Mode) -> None:
    """A change that declares nothing gets what the rules want, whatever the mode: there is nothing else to go by."""
    assert names(select(TESTS, RULES, Change(("src/cart/a.py",)), (), mode)) == ["total", "up"]


def test_a_file_can_be_a_group() -> None:
    """A rule gives its tests a group and data files; a test's own group counts."""
    own = Test("pytest:t/x.py::own", "t/x.py", group="mine")
    rule = TestRule("t/**", group="db", data=("db/*.sql",))
    first, second = with_rules([own, CART], [rule])
    assert (first.group, second.group, second.data) == ("mine", "db", ("db/*.sql",))
