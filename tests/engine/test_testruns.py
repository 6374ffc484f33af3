# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest
from twisted.internet import defer

from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.errors import StoreError
from buildbot_cd.store.rows import PlannedTest
from tests.engine.run_yard import Yard


def test_a_chain_is_claimed_whole() -> None:
    """A test that waits only for tests of the same chunk comes with them."""
    yard = Yard()
    run = yard.planned(
        PlannedTest("a", 0.1, 0.3), PlannedTest("b", 0.1, 0.2, ("a",)), PlannedTest("c", 0.1, 0.1, ("b",))
    )
    assert yard.claim(run, "w1") == ["a", "b", "c"]


def test_a_chain_goes_on_at_the_worker_that_is_at_it() -> None:
    """What waits for a test that the asking worker holds is claimed with no gap; what somebody else holds is not."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 9.0, 18.0), PlannedTest("b", 9.0, 9.0, ("a",)))
    assert yard.claim(run, "w1") == ["a"]
    assert yard.now(yard.runs.claim(run, "w2", holds=["a"])) == ()
    assert yard.now(yard.runs.claim(run, "w1", restarts=True, holds=["a"])) == ()
    assert [one.nid for one in yard.now(yard.runs.claim(run, "w1", holds=["a"]))] == ["b"]


def test_a_faster_worker_that_waits_takes_the_chain_over() -> None:
    """It asked in vain a moment ago; a worker that asked long ago is not waited for."""
    yard = Yard()
    yard.store.transact_now(lambda tx: tx.durations.put_speeds("trunk", {"slow": (-0.5, 999, None)}))
    run = yard.planned(*(PlannedTest(f"t{n}", 9.0, 90.0 - 9 * n, (f"t{n - 1}",) if n else ()) for n in range(9)))
    head = yard.claim(run, "slow")
    assert head[0] == "t0"
    assert yard.claim(run, "fast") == []
    assert yard.now(yard.runs.claim(run, "slow", holds=head)) == ()
    yard.time += 15
    assert yard.now(yard.runs.claim(run, "slow", holds=head))[0].nid == f"t{len(head)}"
    assert yard.claim(run, "fast") == []
    yard.report(run, "slow", "passed", *(f"t{n}" for n in range(8)))
    assert yard.claim(run, "fast") == ["t8"]


def test_a_worker_whose_claims_were_given_up_gets_nothing_that_follows_them() -> None:
    """It fell silent and another one has the test now: its own words count no more, and its claim is no error."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 9.0, 18.0), PlannedTest("b", 9.0, 9.0, ("a",)))
    assert yard.claim(run, "w1") == ["a"]
    yard.time += 1000
    assert yard.claim(run, "w2") == ["a"]
    assert yard.now(yard.runs.claim(run, "w1", holds=["a"])) == ()


def test_what_waits_for_a_late_test_is_not_copied() -> None:
    """An idle worker may run the late test too, but nothing that needs its result."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 0.1, 0.2), PlannedTest("b", 0.1, 0.1, ("a",)))
    assert yard.claim(run, "w1") == ["a", "b"]
    yard.now(yard.runs.beat(run, "w1", "a"))
    yard.time += 15
    assert yard.claim(run, "w2") == ["a"]
    assert yard.claim(run, "w2") == []


def test_what_requires_a_failed_test_is_blocked_and_not_learnt() -> None:
    """B, in the same chunk as the failed A, is blocked; a result that arrives for it all the same changes nothing."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 0.1, 0.3), PlannedTest("b", 0.1, 0.2, ("a",)))
    yard.claim(run, "w1")
    yard.report(run, "w1", "failed", "a")
    yard.report(run, "w1", "passed", "b")
    assert {one.nid: one.outcome for one in yard.now(yard.runs.tests(run))} == {"a": "failed", "b": "blocked"}
    assert yard.store.transact_now(lambda tx: tx.durations.get("trunk")) == {}


def test_all_that_ask_at_once_are_answered_together() -> None:
    """While a claim is under way others ask: one transaction answers them, and the fastest gets the longest test."""
    yard = Yard(workers=3)
    waiting: list[defer.Deferred[None]] = []

    async def pause(_seconds: float) -> None:
        waiting.append(defer.Deferred())
        await waiting[-1]

    runs = TestRuns(yard.store, "trunk", lambda: 3, lambda: yard.time, lambda _run: None, pause)
    yard.store.transact_now(lambda tx: tx.durations.put_speeds("trunk", {"fast": (0.5, 999, None)}))
    run = yard.planned(PlannedTest("long", 100, 100), *(PlannedTest(f"t{n}", 1, 1) for n in range(50)))
    found: dict[str, list[str]] = {}
    for name in ("slow", "fast", "other"):
        got = defer.ensureDeferred(runs.claim(run, name))
        got.addCallback(lambda chunk, name=name: found.update({name: [one.nid for one in chunk]}))
    assert found == {}
    waiting[0].callback(None)
    assert found["fast"] == ["long"]
    assert found["slow"]
    assert found["other"]
    assert set(found["slow"]).isdisjoint(found["other"])


def test_a_claim_of_tiny_tests_is_shown_enough_of_them() -> None:
    """A thousand tests of a millisecond are two chunks, however few tests a claim usually looks at."""
    yard = Yard(workers=2)
    run = yard.planned(*(PlannedTest(f"t{n}", 0.001, 0.001) for n in range(1000)))
    first = yard.claim(run, "w1")
    assert len(first) > 400
    assert len(first) + len(yard.claim(run, "w2")) == 1000


def test_a_runner_that_starts_anew_each_time_gets_larger_chunks() -> None:
    """What a start costs is part of what the worker's chunks cost; a pytest that stays takes smaller ones."""

    def first_chunk(*, restarts: bool) -> int:
        yard = Yard(workers=2)
        yard.store.transact_now(lambda tx: tx.durations.put_speeds("trunk", {"w1": (0.0, 99, 5.0)}))
        run = yard.planned(*(PlannedTest(f"t{n}", 1.0, 1.0) for n in range(100)))
        return len(yard.now(yard.runs.claim(run, "w1", restarts=restarts)))

    assert first_chunk(restarts=False) == 25  # its half, in two
    assert first_chunk(restarts=True) == 33


def test_a_retry_is_not_claimed_where_the_test_failed() -> None:
    """The avoided worker gets nothing while another one may come; in a run that it has for itself it does."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 1, 1, avoid_worker="w1"))
    assert yard.claim(run, "w1") == []
    assert yard.claim(run, "w1", alone=True) == ["a"]


def test_claims_of_a_silent_worker_are_given_up() -> None:
    """Without a sign of life a lease ends; the test that had begun then travels alone."""
    yard = Yard()
    run = yard.planned(*(PlannedTest(f"t{n}", 0.1, 1 - n / 10) for n in range(4)))
    assert len(yard.claim(run, "w1")) == 4
    assert yard.now(yard.runs.beat(run, "w1", "t1"))
    yard.time += 5
    assert yard.claim(run, "w2") == []
    yard.time += 57
    assert yard.claim(run, "w2") == ["t0", "t2", "t3"]
    assert yard.claim(run, "w3") == ["t1"]
    tests = {one.nid: one for one in yard.now(yard.runs.tests(run))}
    assert tests["t1"].crashes == 1
    assert not yard.now(yard.runs.beat(run, "w1", "t1"))


def test_signs_of_life_keep_a_claim() -> None:
    """A worker that beats keeps its tests however long they take."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 1, 1))
    yard.claim(run, "w1")
    for _ in range(20):
        yard.time += 30
        assert yard.now(yard.runs.beat(run, "w1", None))
    assert yard.claim(run, "w2") == []


def test_a_test_in_which_two_runners_died_has_failed() -> None:
    """The suspect runs alone once; when its runner dies again it is an error, and everything else goes on."""
    yard = Yard()
    run = yard.planned(*(PlannedTest(f"t{n}", 0.1, 1 - n / 10) for n in range(3)))
    assert yard.claim(run, "w1") == ["t0", "t1", "t2"]
    yard.now(yard.runs.release(run, "w1", "t0"))
    assert yard.claim(run, "w2") == ["t0"]
    yard.now(yard.runs.release(run, "w2", "t0"))
    assert yard.claim(run, "w2") == ["t1", "t2"]
    assert {one.nid: one.outcome for one in yard.now(yard.runs.tests(run))}["t0"] == "error"


def test_an_idle_worker_runs_what_a_late_one_holds() -> None:
    """When nothing waits and a worker is late, an idle one runs its tests too; the first result counts."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 2, 2), PlannedTest("b", 0.1, 1))
    yard.claim(run, "w1")
    yard.claim(run, "w1")
    yard.now(yard.runs.beat(run, "w1", "a"))
    yard.time += 13
    assert yard.claim(run, "w2") == []
    yard.time += 2
    assert yard.claim(run, "w2") == ["b"]
    assert yard.claim(run, "w2") == ["a"]
    assert yard.claim(run, "w3") == []
    yard.report(run, "w2", "passed", "a", "b")
    yard.report(run, "w1", "failed", "a")
    assert yard.now(yard.runs.counts(run)).failed == 0


def test_speeds_are_learnt_from_known_tests() -> None:
    """A worker that takes twice the time of well-known tests is known as slow."""
    yard = Yard()
    row = (9.0, 7.6, 0.01)
    yard.store.transact_now(lambda tx: tx.durations.put("trunk", {f"t{n}": row for n in range(100)}))
    run = yard.planned(*(PlannedTest(f"t{n}", 2, 2) for n in range(100)))
    yard.report(run, "w1", "passed", *(f"t{n}" for n in range(100)), seconds=4.0)
    mean, n, _ = yard.store.transact_now(lambda tx: tx.durations.speeds("trunk"))["w1"]
    assert n == 100
    assert mean == pytest.approx(-0.69, abs=0.02)


def test_a_claim_of_an_unknown_run_fails_for_who_asked() -> None:
    """The error reaches the shard, and the next claim works."""
    yard = Yard()
    with pytest.raises(StoreError):
        yard.claim(99, "w1")
    assert yard.claim(yard.planned(PlannedTest("a")), "w1") == ["a"]


def test_shards_may_collect_different_tests() -> None:
    """A shard that does not find a test says so; nobody has to have collected the same (xdist: "Different tests")."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 1, 2), PlannedTest("b", 1, 1))
    assert yard.claim(run, "w1") == ["a"]
    yard.report(run, "w1", "missing", "a")
    assert yard.claim(run, "w2") == ["b"]
    yard.report(run, "w2", "passed", "b")
    counts = yard.now(yard.runs.counts(run))
    assert (counts.done, counts.failed) == (2, 1)


def test_a_shard_that_ignores_its_share_changes_nothing() -> None:
    """A runner that runs everything in each shard gives every test one result, the first (Bazel #18228)."""
    yard = Yard()
    run = yard.planned(PlannedTest("a", 1, 2), PlannedTest("b", 1, 1))
    yard.claim(run, "w1")
    yard.report(run, "w1", "passed", "a", "b")
    yard.report(run, "w2", "failed", "a", "b")
    tests = yard.now(yard.runs.tests(run))
    assert [(one.nid, one.outcome, one.worker) for one in tests] == [("a", "passed", "w1"), ("b", "passed", "w1")]


def test_one_idle_shard_stays_for_what_may_come_back() -> None:
    """When nothing waits the others leave, so that their workers are free; what a dead shard gives back is taken."""
    yard = Yard(workers=3)
    run = yard.planned(PlannedTest("a", 1, 1))
    assert yard.claim(run, "w1") == ["a"]
    assert not yard.now(yard.runs.may_leave(run, "w2"))
    assert yard.now(yard.runs.may_leave(run, "w3"))
    yard.now(yard.runs.release(run, "w1"))
    assert not yard.now(yard.runs.may_leave(run, "w3"))
    assert yard.claim(run, "w2") == ["a"]
    yard.report(run, "w2", "passed", "a")
    assert yard.now(yard.runs.may_leave(run, "w2"))


def test_a_runner_stays_only_where_it_pays() -> None:
    """The files to collect are those of the run's pytest tests; for a retry of a few tests nothing stays."""
    yard = Yard()
    many = [PlannedTest(f"pytest:t/f{n % 2}.py::t{n}") for n in range(5)]
    run = yard.planned(*many, PlannedTest("map:.buildbot-cd.yaml"))
    assert yard.now(yard.runs.files(run)) == ("t/f0.py", "t/f1.py")
    yard.time += 1
    assert yard.now(yard.runs.files(yard.planned(*many[:2]))) == ()


def test_the_gate_goes_before_a_try_and_a_try_before_the_backstop() -> None:
    """On a worker that both use, the lower class gets nothing at a chunk's end while tests of the higher one wait."""
    yard = Yard()
    tests = [PlannedTest(f"t{number}", 100.0, 100.0) for number in range(4)]
    gate, tried, backstop = (yard.planned(*tests, kind=kind) for kind in ("gate", "try", "backstop"))
    first = yard.claim(gate, "w1")
    assert first
    assert yard.claim(tried, "w1", alone=True) == []
    assert yard.runs.gives_way(tried, "w1")
    assert yard.claim(tried, "w2", alone=True)
    assert (yard.claim(backstop, "w1"), yard.claim(backstop, "w2")) == ([], [])
    yard.report(gate, "w1", "passed", *first)
    while chunk := yard.claim(gate, "w1"):
        yard.report(gate, "w1", "passed", *chunk)
    assert not yard.runs.gives_way(gate, "w1")
    assert yard.claim(tried, "w1", alone=True)
    assert not yard.runs.gives_way(tried, "w1")


def test_who_gives_way_does_not_wait_for_ever() -> None:
    """A try has one chunk after a minute of waiting, and then gives way again; the backstop waits for half an hour."""
    yard = Yard()
    tests = [PlannedTest(f"t{number}", 100.0, 100.0) for number in range(9)]
    gate, tried, backstop = (yard.planned(*tests, kind=kind) for kind in ("gate", "try", "backstop"))
    assert yard.claim(gate, "w1")
    assert (yard.claim(tried, "w1"), yard.claim(backstop, "w1")) == ([], [])
    yard.time += 61
    assert yard.claim(tried, "w1")
    assert (yard.claim(tried, "w1"), yard.claim(backstop, "w1")) == ([], [])
    yard.time += 1800
    assert yard.claim(backstop, "w1")


def test_when_a_test_passed_on_trunk_is_known() -> None:
    """Runs of the gate and of the backstop tell it, a try does not: its patch is on no trunk."""
    yard = Yard()
    for kind, nid in (("gate", "a"), ("try", "b"), ("rolling", "c")):
        run = yard.planned(PlannedTest(nid), kind=kind)
        yard.claim(run, "w1")
        yard.report(run, "w1", "passed", nid)
    ages = yard.store.transact_now(lambda tx: tx.durations.ages("trunk"))
    assert ages == {"a": (1000.0, "abc"), "b": (0.0, ""), "c": (1000.0, "abc")}


def test_results_concern_others_only_if_they_may_act_by_them() -> None:
    """Until the last test is done the reconciler has nothing to do; with tests that wait, or a failure, it may have."""
    yard = Yard(workers=1)
    heard: list[str] = []
    yard.runs.changed, yard.runs.progress = lambda _run: heard.append("changed"), lambda _run: heard.append("progress")
    run = yard.planned(*(PlannedTest(name, 1.0, 1.0) for name in "abcd"))
    assert not yard.runs.all_taken(run)
    assert len(yard.claim(run, "w1")) < 4
    yard.report(run, "w1", "passed", "a")
    assert heard.pop() == "changed"
    while yard.claim(run, "w1"):
        pass
    assert yard.runs.all_taken(run)
    yard.report(run, "w1", "passed", "b")
    assert heard.pop() == "progress"
    yard.report(run, "w1", "failed", "c")
    assert heard.pop() == "changed"
    yard.report(run, "w1", "passed", "d")
    assert heard.pop() == "changed"
