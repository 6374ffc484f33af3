# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.core.selection import PathRule, Test, TestRule
from buildbot_cd.core.selection.audit import Finding, audit

CART = Test("pytest:t/cart.py::total", "t/cart.py", frozenset({"cart"}))
BARE = Test("pytest:t/bare.py::it", "t/bare.py")
FILES = ["src/cart.py", "t/cart.py", "t/bare.py", "rates/uk.csv"]


def told(found: list[Finding]) -> list[str]:
    """The findings as lines; notes begin with a question mark."""
    return [("" if one.error else "? ") + f"{one.place}: {one.text}" for one in found]


def test_a_map_that_fits_has_no_findings() -> None:
    """Rules that match, tags that are carried, data that is there."""
    rules = [TestRule("t/bare.py", ("cart",), data=("rates/*.csv",))]
    assert audit([CART, BARE], rules, [PathRule(("src/**",), ("cart",))], {"cart": "c"}, FILES) == []


def test_rules_that_match_nothing_are_told_with_their_place() -> None:
    """A glob of paths, of data, and of tests, each where it stands; a doubled glob in its own place."""
    found = audit(
        [CART],
        [TestRule("t/cart.py", data=("rates/*.json",)), TestRule("src/**")],
        [PathRule(("src/**",), ("cart",)), PathRule(("lib/**", "src/**"), ("cart",))],
        {},
        FILES,
    )
    assert told(found) == [
        "rules[1].paths: lib/** matches no file",
        "tests.files[0].data: rates/*.json matches no file",
        "tests.files[1].glob: src/** matches no file with tests",
    ]


def test_tags_that_nobody_carries_or_lists_are_told() -> None:
    """A rule for a tag without tests, a listed tag without tests, and a test's tag that is not listed."""
    typo = Test("pytest:t/x.py::x", "t/x.py", frozenset({"carts"}))
    found = audit([CART, typo], [], [PathRule(("src/**",), ("tax",))], {"cart": "c", "tax": "t"}, FILES)
    assert told(found) == [
        "rules[0].tags: no test carries the tag tax; the rule runs every test",
        "tags: pytest:t/x.py::x carries the tag carts, which is not listed (did you mean cart?)",
        "? tags: no test carries the tag tax",
    ]


def test_tests_without_tags_are_counted() -> None:
    """Only a change of their own file, or a run of everything, runs them: a note, since that may be meant."""
    many = [Test(f"pytest:t/b.py::t{n}", "t/b.py") for n in range(7)]
    assert told(audit([CART, *many], [], [], {}, FILES)) == [
        "? : 7 of 8 tests carry no tag: t/b.py::t0, t/b.py::t1, t/b.py::t2, t/b.py::t3, t/b.py::t4 and 2 more"
    ]


def test_requirements_in_a_circle_are_an_error() -> None:
    """What the run would refuse, lint refuses too."""
    one = Test("pytest:t/a.py::a", "t/a.py", frozenset({"x"}), ("t/a.py::b",))
    other = Test("pytest:t/a.py::b", "t/a.py", frozenset({"x"}), ("t/a.py::a",))
    (finding,) = audit([one, other], [], [], {}, FILES)
    assert "in a circle" in finding.text
