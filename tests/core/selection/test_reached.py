# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import base64

import numpy as np
import pytest

from buildbot_cd.core.selection import (
    Change,
    Entry,
    Evidence,
    FunctionMap,
    Mode,
    PathRule,
    Reached,
    Selection,
    Test,
    Unit,
    UnitChange,
    reached,
    select,
)
from buildbot_cd.core.selection.function_map import BLIND, FILE, key, packed
from buildbot_cd.errors import SelectionError

A, B, C = (f"pytest:test_a.py::test_{one}" for one in "abc")
TESTS = [
    Test(A, "test_a.py", frozenset({"cart"})),
    Test(B, "test_a.py", frozenset({"tax"})),
    Test(C, "sub/test_c.py", frozenset({"tax", "slow"})),
]


def blob(*units: tuple[str, str]) -> bytes:
    """These units as they are kept."""
    return np.array(sorted(key(*one) for one in units), dtype="<u4").tobytes()


def function_map(**more: bytes) -> FunctionMap:
    """`total` is run by A and B, `rate` by B and C; `setup` by an import only."""
    entries = {
        A: blob(("cart.py", "total"), ("cart.py", FILE)),
        B: blob(("cart.py", "total"), ("cart.py", FILE), ("tax.py", "rate"), ("tax.py", FILE)),
        C: blob(("tax.py", "rate"), ("tax.py", FILE), ("rates.csv", FILE)),
        "pytest:test_a.py": blob(("cart.py", "setup")),
        **more,
    }
    return FunctionMap({nid: Entry(data, 10.0) for nid, data in entries.items()})


def change(*units: tuple[str, str], **more: object) -> UnitChange:
    """These units changed."""
    made = UnitChange([Unit(path, name, f"{path}::{name} changed") for path, name in units], whole=True)
    made.read = {path for path, _ in units if path.endswith(".py")}
    for name, value in more.items():
        setattr(made, name, value)
    return made


def chosen(selection: Selection) -> list[str]:
    """The tests that run, by letter."""
    return [one.nid[-1] for one in selection.chosen]


def test_a_changed_function_wants_the_tests_that_ran_it() -> None:
    """Each with a reason that names what changed and what it ran; the file needs no rule any more."""
    near = reached(change(("cart.py", "total")), function_map(), TESTS)
    selection = select(TESTS, [], Change(("cart.py",)), reached=near)
    assert (chosen(selection), selection.everything) == (["a", "b"], None)
    assert selection.chosen[0].reasons == ("cart.py::total changed; it ran cart.py::total",)


def test_what_nothing_knows_runs_everything() -> None:
    """A file that the map has never seen, an empty map, and a program that broke off."""
    stray = change(("new.py", "f"))
    for units, known in (
        (stray, function_map()),
        (change(("cart.py", "total")), FunctionMap({})),
        (change(("cart.py", "total"), whole=False), function_map()),
    ):
        near = reached(units, known, TESTS)
        paths = tuple({one.path for one in units.units})
        selection = select(TESTS, [], Change(paths), reached=near)
        assert chosen(selection) == ["a", "b", "c"]
        assert "no rule knows" in (selection.everything or "")


def test_a_function_that_no_test_runs_wants_none() -> None:
    """If the map knows the file; nor does a change of comments."""
    for units in (change(("cart.py", "lonely")), change(read={"cart.py"})):
        near = reached(units, function_map(), TESTS)
        assert chosen(select(TESTS, [], Change(("cart.py",)), reached=near)) == []


def test_a_data_file_wants_the_tests_that_opened_it() -> None:
    """Without any glob (pytest-testmon #178, #49, #12)."""
    near = reached(change(("rates.csv", FILE)), function_map(), TESTS)
    assert chosen(select(TESTS, [], Change(("rates.csv",)), reached=near)) == ["c"]


def test_tests_that_cannot_be_judged_run_too() -> None:
    """One that is not in the map yet, and one that starts another process."""
    fresh = Test("pytest:test_a.py::test_n", "test_a.py")
    known = function_map(**{C: blob(("", BLIND))})
    near = reached(change(("cart.py", "total")), known, [*TESTS, fresh])
    assert chosen(select([*TESTS, fresh], [], Change(("cart.py",)), reached=near)) == ["a", "b", "c", "n"]


def test_a_conftest_may_concern_a_folder() -> None:
    """Every test below it."""
    near = reached(change(below={"sub": "a hook changed"}), function_map(), TESTS)
    assert set(near.tests) == {C}


def test_a_changed_part_wants_the_tests_that_ran_it() -> None:
    """And those that ran the function and told no parts, or not of all of it, or of another shape."""
    parts = ("total#ab", "total#ab#1")
    units = change(("cart.py", "total"))
    units.units = [units.units[0]._replace(parts=parts)]

    def ran(*names: str) -> bytes:
        return blob(*(("cart.py", one) for one in ("total", *names)))

    for more, runs in (
        (("total#ab", "total#ab#0"), False),
        (("total#ab", "total#ab#1"), True),
        (("total#ab", "total#ab#0", "total#"), True),
        (("total#cd", "total#cd#0"), True),
        ((), True),
    ):
        assert (A in reached(units, function_map(**{A: ran(*more)}), TESTS).tests) is runs


@pytest.mark.parametrize(
    ("mode", "runs", "told"),
    [("observe", "a", False), ("warn", "a", True), ("add", "abc", True), ("block", "abc", True)],
)
def test_a_tag_that_the_map_wants_is_missing(mode: str, runs: str, told: bool) -> None:
    """The fewest tags that cover the tests; nothing that is declared is taken away in any mode."""
    near = reached(change(("tax.py", "rate")), function_map(), TESTS)
    selection = select(TESTS, [], Change(("tax.py",), tags=("cart",)), (), Mode(mode), near)
    assert "".join(chosen(selection)) == runs
    (missing,) = selection.missing_tags
    assert (missing.tag, missing.tests, missing.quiet) == ("tax", 2, not told)
    assert missing.because == "tax.py::rate changed; it ran tax.py::rate; 2 tests of tax are concerned"


def test_a_test_that_a_declared_tag_chose_misses_none() -> None:
    """It runs anyway; a tag that a rule wants too is told once, by the rule."""
    near = reached(change(("tax.py", "rate")), function_map(), TESTS)
    rules = [PathRule(("tax.py",), ("tax",))]
    assert select(TESTS, rules, Change(("tax.py",), tags=("tax",)), reached=near).missing_tags == ()
    (missing,) = select(TESTS, rules, Change(("tax.py",), tags=("cart",)), reached=near).missing_tags
    assert "matches rule" in missing.because


def test_reasons_of_unsure_kind_flag_no_tag() -> None:
    """That a test is not in the map yet says nothing of its tag."""
    near = Reached({C: (Evidence("it is not in the function map yet", 0.1, direct=False),)}, frozenset({"tax.py"}))
    selection = select(TESTS, [], Change(("tax.py",), tags=("cart",)), reached=near)
    assert (chosen(selection), selection.missing_tags) == (["a", "c"], ())


def test_what_is_no_map_is_refused() -> None:
    """Text from a worker that is no base64, or is cut."""
    for text in ("%%%", base64.b64encode(b"abc").decode()):
        with pytest.raises(SelectionError):
            packed(text)
    assert packed(base64.b64encode(blob(("a", "b"))).decode()) == blob(("a", "b"))


def test_the_map_knows_its_age_and_what_imports_ran() -> None:
    """Oldest and middle of its tests; keys of imports in order, as the program takes them."""
    known = function_map()
    assert (len(known), known.oldest, known.median) == (3, 10.0, 10.0)
    assert base64.b64decode(known.imported) == blob(("cart.py", "setup"))
    assert (FunctionMap({}).oldest, FunctionMap({}).ran(5)) == (None, [])


def test_of_a_test_file_in_which_only_bodies_changed_the_map_tells_which_tests_run() -> None:
    """The changed one, and one that is not in the map yet; without a map, or with mode warn, all of the file."""
    units = change(("test_a.py", "test_b"), inside={"test_a.py"})
    entries = {B: Entry(blob(("test_a.py", "test_b"), ("test_a.py", FILE)), 1.0), A: Entry(b"", 1.0)}
    near = reached(units, FunctionMap(entries), TESTS)
    assert near.inside == {"test_a.py"}
    assert chosen(select(TESTS, [], Change(("test_a.py",)), reached=near)) == ["b", "c"]
    told = Change(("test_a.py",), tags=("cart",))
    assert chosen(select(TESTS, [], told, (), Mode.WARN, near)) == ["a", "b"]
    nothing = reached(units, FunctionMap({}), TESTS)
    assert chosen(select(TESTS, [], Change(("test_a.py",)), reached=nothing)) == ["a", "b"]


def test_a_stub_that_no_test_opened_needs_no_rule() -> None:
    """No import reads it."""
    units = change(("cart.pyi", FILE))
    units.read = {"cart.pyi"}
    near = reached(units, function_map(), TESTS)
    assert select(TESTS, [], Change(("cart.pyi",)), reached=near).chosen == ()
