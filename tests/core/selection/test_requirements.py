# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.selection import Test, requirements
from buildbot_cd.core.selection.requirements import closure
from buildbot_cd.errors import SelectionError


def test_of(name: str, *requires: str) -> Test:
    """A test of file t/<first letter>.py."""
    path = f"t/{name[0]}.py"
    return Test(f"pytest:{path}::{name}", path, requires=requires)


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pytest:t/a.py::a1", ["pytest:t/a.py::a1"]),
        ("t/a.py::a1", ["pytest:t/a.py::a1"]),
        ("t/a.py::a3", ["pytest:t/a.py::a3[1]", "pytest:t/a.py::a3[2]"]),
        ("t/a.py::aC", ["pytest:t/a.py::aC::m1", "pytest:t/a.py::aC::m2[x]"]),
        ("t/a.py::aC::m2", ["pytest:t/a.py::aC::m2[x]"]),
        ("t/[ab].py", []),
        ("t/a*.py", ["a1", "a3[1]", "a3[2]", "aC::m1", "aC::m2[x]"]),
        ("t/a.py", ["a1", "a3[1]", "a3[2]", "aC::m1", "aC::m2[x]"]),
    ],
)
def test_a_name_stands_for_tests(name: str, found: list[str]) -> None:
    """An id, a function, a class, or a glob of files; a glob does not know brackets."""
    others = [test_of(one) for one in ("a1", "a3[1]", "a3[2]", "aC::m1", "aC::m2[x]")]
    tests = [*others, test_of("b1", name)]
    if not found:
        with pytest.raises(SelectionError, match=r"requires 't/\[ab\].py', which is no test"):
            requirements(tests)
        return
    assert requirements(tests) == {
        "pytest:t/b.py::b1": tuple(one if "::" in one and "t/" in one else f"pytest:t/a.py::{one}" for one in found)
    }


def test_tests_of_one_glob_do_not_require_each_other() -> None:
    """A rule over files that also matches the files it requires makes no circle."""
    tests = [test_of("a1", "t/*.py"), test_of("b1", "t/*.py"), test_of("a2", "t/b.py")]
    assert requirements(tests) == {"pytest:t/a.py::a2": ("pytest:t/b.py::b1",)}


def test_an_unknown_requirement_names_the_nearest() -> None:
    """A misspelt requirement is an error that says which test has it and what was probably meant."""
    with pytest.raises(SelectionError, match=r"t/b.py::b1 requires 't/a.py::a9'.*did you mean 't/a.py::a1'\?"):
        requirements([test_of("a1"), test_of("b1", "t/a.py::a9")])


@pytest.mark.parametrize("length", [1, 2, 3, 12, 3000])
def test_a_circle_is_printed(length: int) -> None:
    """A circle of any length is an error that prints it, cut in the middle if it is long."""
    tests = [test_of(f"a{one:04}", f"t/a.py::a{(one + 1) % length:04}") for one in range(length)]
    with pytest.raises(SelectionError, match=r"in a circle: .*a0000 -> .*take one of these") as caught:
        requirements(tests)
    assert len(str(caught.value)) < 500
    assert ("more)" in str(caught.value)) is (length >= 12)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.sets(st.integers(0, 9), max_size=4))
def test_the_closure_is_what_can_be_reached(edges: list[tuple[int, int]], chosen: set[int]) -> None:
    """Everything that a chosen test requires, at any distance, is added, and nothing else; each with who wants it."""
    needs: dict[str, tuple[str, ...]] = {}
    for one, other in edges:
        needs[str(one)] = (*needs.get(str(one), ()), str(other))
    reached = {str(one) for one in chosen}
    while more := {nid for one in reached for nid in needs.get(one, ())} - reached:
        reached |= more
    added = closure([str(one) for one in chosen], needs)
    assert set(added) == reached - {str(one) for one in chosen}
    assert all(nid in needs[by] for nid, by in added.items())


def test_tests_without_requirements_cost_nothing() -> None:
    """Nothing is resolved where nothing is required."""
    assert requirements([test_of("a1"), test_of("b1")]) == {}
