# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import base64
import struct

import pytest

from buildbot_cd.config import parse_repository
from buildbot_cd.core.selection import Change, Test, Unit, UnitChange
from buildbot_cd.core.selection.function_map import FILE, key
from buildbot_cd.errors import SelectionError
from buildbot_cd.store.rows import PlannedTest
from tests.engine.run_yard import Yard


def test_a_run_goes_from_plan_to_end() -> None:
    """Selected tests are queued, claimed by two workers, and learnt from without anybody asking (pytest-split #20)."""
    yard = Yard()
    tests = [Test(f"pytest:t/a.py::t{n}", "t/a.py", frozenset({"x"})) for n in range(6)]
    change = Change(("src/a",), ("s\n\nTags: x",))
    run = yard.now(yard.runs.create("k", "gate", "abc")).id
    yard.now(yard.runs.plan(run, tests, parse_repository(""), change, 1.0))
    seen: list[str] = []
    while chunk := yard.claim(run, "w1") or yard.claim(run, "w2"):
        seen += chunk
        yard.report(run, "w1", "passed", *chunk, seconds=2.0)
    assert sorted(seen) == [one.nid for one in tests]
    assert yard.now(yard.runs.counts(run)).done == 6
    rows = yard.store.transact_now(lambda tx: tx.durations.get("trunk"))
    assert set(rows) == {one.nid for one in tests}


def test_a_name_that_cannot_be_kept_is_the_changes_own_mistake() -> None:
    """A parameter of thousands of characters is told with the remedy, before anything is written."""
    yard = Yard()
    run = yard.now(yard.runs.create("k", "gate", "abc")).id
    tests = [Test(f"pytest:t/a.py::t[{'ä' * 700}]", "t/a.py", frozenset())]
    with pytest.raises(SelectionError, match=r"more than 1200 bytes: give its parameters short ids"):
        yard.now(yard.runs.plan(run, tests, parse_repository("", "x"), Change(("a",)), 1.0))
    assert yard.now(yard.runs.tests(run)) == ()


LONG = "/".join(["deep" * 40] * 10)
"""A folder that git and Linux take, and no index."""


def test_a_changed_file_whose_name_cannot_be_kept_stops_nobody() -> None:
    """The run is planned, its failure is confirmed, and what it ran is kept, without that file."""
    yard = Yard()
    test = Test("pytest:t/a.py::t", "t/a.py", frozenset())
    run = yard.now(yard.runs.create("k", "gate", "abc")).id
    yard.now(yard.runs.plan(run, [test], parse_repository(""), Change((f"{LONG}/a.py", "src/b.py")), 1.0))
    assert yard.claim(run, "w1") == [test.nid]
    again = yard.planned(PlannedTest(test.nid), kind="retry")
    yard.claim(again, "w1")
    yard.report(again, "w1", "failed", test.nid)
    seen = yard.store.transact_now(lambda tx: tx.learnt.history("trunk", {"src/b.py", f"{LONG}/a.py"}))
    assert set(seen) == {"src/b.py"}
    yard.now(yard.runs.learning.ran({f"pytest:{LONG}/test_a.py": ""}))


def test_a_file_that_cannot_be_collected_nor_kept_is_the_changes_own_mistake() -> None:
    """It is told with the remedy; where another file cannot be collected either, that one is what fails."""
    yard = Yard()
    run = yard.now(yard.runs.create("k", "gate", "abc")).id
    with pytest.raises(SelectionError, match=r"more than 1200 bytes: give the file a shorter path"):
        yard.now(yard.runs.plan_these(run, [f"pytest:{LONG}/test_a.py"], "broken"))
    assert yard.now(yard.runs.tests(run)) == ()
    yard.now(yard.runs.plan_these(run, [f"pytest:{LONG}/test_a.py", "pytest:t/b.py"], "broken"))
    assert [one.nid for one in yard.now(yard.runs.tests(run))] == ["pytest:t/b.py"]


def test_a_plan_reaches_what_ran_the_changed_function() -> None:
    """The map that runs filled adds tests to the plan; what a cut-off worker says is left out."""
    yard = Yard()
    tests = [Test(f"pytest:t.py::{name}", "t.py", frozenset({name})) for name in ("a", "b")]
    text = base64.b64encode(struct.pack("<2I", *sorted([key("cart.py", "total"), key("cart.py", FILE)]))).decode()
    yard.now(yard.runs.learning.ran({"pytest:t.py::a": text, "pytest:t.py::b": "", "pytest:t.py::c": "%"}))
    units = UnitChange([Unit("cart.py", "total", "cart.py::total changed")], {"cart.py"}, whole=True)
    change = Change(("cart.py",))
    near = yard.now(yard.runs.learning.near(units, change, tests))
    run = yard.now(yard.runs.create("k", "gate", "abc"))
    selection = yard.now(yard.runs.plan(run.id, tests, parse_repository(""), change, 1.0, near))
    assert [one.nid for one in selection.chosen] == ["pytest:t.py::a"]
    assert len(yard.now(yard.runs.learning.map())) == 2
    yard.now(yard.runs.learning.near(units, change, tests[:1]))
    assert yard.now(yard.runs.learning.map()).tests == {"pytest:t.py::a"}


def test_a_confirmed_failure_is_remembered_with_its_files() -> None:
    """A second look's failure adds the test to later changes of the file, and a point to the confidence curve."""
    yard = Yard()
    tests = [Test(f"pytest:t.py::{name}", "t.py", frozenset({name})) for name in ("a", "b")]
    change = Change(("cart.py",), ("x\n\nRun-All: yes",))
    gate = yard.now(yard.runs.store.transact(lambda tx: tx.runs.create("g", "trunk", 7, "gate", "abc", 1.0)))
    yard.now(yard.runs.plan(gate.id, tests, parse_repository(""), change, 1.0))
    again = yard.now(yard.runs.store.transact(lambda tx: tx.runs.create("r", "trunk", 7, "retry", "abc", 1.0)))
    planned = [PlannedTest("pytest:t.py::b")]
    yard.store.transact_now(lambda tx: tx.runs.plan(again.id, planned, {}, None, 1.0))
    yard.report(gate.id, "w1", "failed", "pytest:t.py::b")
    assert yard.now(yard.runs.learning.near(None, Change(("cart.py",)), tests)).tests == {}
    yard.report(again.id, "w2", "failed", "pytest:t.py::b")
    near = yard.now(yard.runs.learning.near(None, Change(("cart.py",)), tests))
    assert {nid: one[0].why for nid, one in near.tests.items()} == {
        "pytest:t.py::b": "it failed with 1.0 of 1.0 changes to cart.py"
    }
    assert [(one.share, one.failures) for one in yard.now(yard.runs.learning.curve())] == [(1.0, 1)] * 4


def test_a_budget_leaves_out_what_finds_least_in_a_second() -> None:
    """The plan of a try with a budget holds the short test of the two."""
    yard = Yard(workers=1)
    tests = [Test(f"pytest:t.py::{name}", "t.py", frozenset({name})) for name in ("a", "b")]
    yard.store.transact_now(
        lambda tx: tx.durations.put("trunk", {one.nid: (9.0, 4.0 + 5 * at, 0.0) for at, one in enumerate(tests)})
    )
    run = yard.now(yard.runs.create("k", "try", "abc"))
    change = Change((), ("x\n\nRun-All: yes",))
    selection = yard.now(yard.runs.plan(run.id, tests, parse_repository(""), change, 1.0, budget=2.0))
    assert [one.nid for one in selection.chosen] == ["pytest:t.py::a"]
