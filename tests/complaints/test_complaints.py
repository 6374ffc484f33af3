# SPDX-License-Identifier: GPL-2.0-only
"""What users of other tools complain of, each as a test of ours; docs/reference/complaints.md has the whole list."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import defer

from buildbot_cd.core.dispatch import Asker, Estimate, Offer, Ready, Work, assign, lower_bound, order, warm
from buildbot_cd.core.dispatch.replay import Machines, play
from buildbot_cd.core.selection import Change, PathRule, Test, select
from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.plugins.steps.chunk_results import ChunkResults
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult

if TYPE_CHECKING:
    from collections.abc import Awaitable

A, B = "pytest:t.py::a", "pytest:t.py::b"


def known(seconds: dict[str, float]) -> dict[str, Estimate]:
    """Durations that were learnt exactly."""
    return {nid: Estimate(math.log(1000 * one), 0.0, 9) for nid, one in seconds.items()}


def now(work: Awaitable[Any]) -> Any:
    """What the work gives; on a store that does not wait, it does not wait either."""
    found: list[Any] = []
    defer.ensureDeferred(work).addBoth(found.append)  # type: ignore[arg-type]
    return found[0]


@pytest.fixture
def runs() -> TestRuns:
    """Test runs in memory, four workers."""
    return TestRuns(MemoryStore(), "trunk", lambda: 4, lambda: 1.0, lambda _run: None)


def begun(runs: TestRuns, *tests: PlannedTest) -> int:
    """A run with exactly these tests."""
    run = now(runs.create("r", "gate", "abc")).id
    now(runs.store.transact(lambda tx: tx.runs.plan(run, tests, {}, None, 1.0)))
    return int(run)


def test_xdist_382_a_straggler_that_is_collected_last_does_not_run_last() -> None:
    """A long test at the end of the collection begins at once: the run is as long as it, and not longer by the rest."""
    seconds = {f"t{number}": 1.0 for number in range(100)} | {"long": 25.0}
    works = [Work(nid) for nid in seconds]
    machines = Machines({f"w{number}": 1.0 for number in range(4)}, 0.0, warm(0.0))
    run = play(works, order(works, known(seconds)), seconds, machines)
    assert run.ended["long"] == pytest.approx(25.0)
    assert run.makespan <= 1.1 * lower_bound(works, seconds, [1.0] * 4, 0.0).seconds


def test_xdist_925_what_is_taken_later_is_never_longer_than_what_was_there_before() -> None:
    """Nothing is stolen back and run in another order: the first test of each claim is the longest that was left."""
    rng = random.Random(1)
    left = sorted((rng.lognormvariate(0, 1) for _ in range(200)), reverse=True)
    ready = [Ready(f"t{number}", seconds, seconds) for number, seconds in enumerate(left)]
    while ready:
        (chunk,) = assign([Asker("w")], Offer(ready, sum(one.seconds for one in ready)), warm(0.3)).values()
        assert chunk[0] == ready[0].nid
        ready = [one for one in ready if one.nid not in chunk]


def test_xdist_1083_groups_do_not_break_the_order() -> None:
    """Tests of a group stay together, and single tests that are longer still go before them."""
    works = [Work("g1", group="g"), Work("single"), Work("g2", group="g"), Work("short")]
    queue = order(works, known({"g1": 2.0, "single": 9.0, "g2": 3.0, "short": 1.0}))
    assert [one.nid for one in queue] == ["single", "g1", "g2", "short"]


def test_xdist_860_an_idle_worker_does_not_steal_a_part_of_a_group(runs: TestRuns) -> None:
    """What shares a group is claimed by one worker, whoever else is idle."""
    run = begun(runs, *(PlannedTest(f"g{number}", 50.0, 50.0, group="g") for number in range(4)))
    assert len(now(runs.claim(run, "w1"))) == 4
    assert now(runs.claim(run, "w2")) == ()


def test_xdist_different_collections_are_no_reason_to_abort() -> None:
    """A worker that lacks one of the tests tells it by name, as a failure; the others' results count."""
    heard = ChunkResults([A, B], lambda: 0.0)
    for event in ({"event": "missing", "nid": A}, {"event": "result", "nid": B, "outcome": "passed"}, {"event": "end"}):
        heard.note(event)
    assert {one.nid: one.outcome for one in heard.fresh()} == {A: "missing", B: "passed"}


def test_bazel_18228_a_runner_that_ignores_what_it_is_asked_for_counts_no_test_twice(runs: TestRuns) -> None:
    """Results of tests that another worker holds are passed over, and a second result of a test changes nothing."""
    heard = ChunkResults([A], lambda: 0.0)
    for nid in (A, B, A):
        heard.note({"event": "result", "nid": nid, "outcome": "passed", "seconds": 1})
    assert [one.nid for one in heard.fresh()] == [A]
    run = begun(runs, PlannedTest(A), PlannedTest(B))
    now(runs.report(run, "w1", [TestResult(A, "passed", 1.0)]))
    now(runs.report(run, "w2", [TestResult(A, "failed", 9.0)]))
    (first,) = [one for one in now(runs.tests(run)) if one.nid == A]
    assert (first.outcome, first.seconds, first.worker) == ("passed", 1.0, "w1")


def test_bazel_28819_what_failed_is_run_again_and_not_its_whole_shard(runs: TestRuns) -> None:
    """Shards are no property of tests: a run may hold exactly the failed ones."""
    run = now(runs.create("retry", "retry", "abc")).id
    now(runs.plan_these(run, [B], "it failed"))
    assert [one.nid for one in now(runs.claim(run, "w1"))] == [B]


def test_testmon_202_a_changed_test_runs() -> None:
    """A change of a test's own file wants the test, whatever tags and rules say."""
    tests = [Test(A, "t.py"), Test("pytest:u.py::c", "u.py", frozenset({"x"}))]
    chosen = select(tests, [PathRule(("src/**",), ("x",))], Change(("t.py", "src/a.py"))).chosen
    assert [one.nid for one in chosen] == [A, "pytest:u.py::c"]


def test_testmon_183_a_library_s_change_runs_what_its_rule_says() -> None:
    """A lock file need not mean everything: a rule may narrow it, and without one everything runs."""
    tests = [Test(A, "t.py", frozenset({"db"})), Test(B, "t.py", frozenset({"ui"}))]
    rule = PathRule(("requirements/db.txt",), ("db",))
    assert [one.nid for one in select(tests, [rule], Change(("requirements/db.txt",))).chosen] == [A]
    assert select(tests, [rule], Change(("requirements/ui.txt",))).everything is not None


def test_datadog_no_skip_a_commit_can_ask_for_everything() -> None:
    """By a trailer of its message, whatever the rules would leave out."""
    tests = [Test(A, "t.py", frozenset({"db"})), Test(B, "t.py", frozenset({"ui"}))]
    found = select(tests, [PathRule(("a",), ("db",))], Change(("a",), ("s\n\nRun-All: yes\n",)))
    assert len(found.chosen) == 2
