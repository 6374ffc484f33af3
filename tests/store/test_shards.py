# SPDX-License-Identifier: GPL-2.0-only
"""Shards that claim, run, report, fall silent and die in any order, over the memory store and the database at once."""
# ruff: noqa: D102 - a rule of the machine is told by its name and its body

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from buildbot_cd.core.dispatch.leases import GRACE
from buildbot_cd.engine.claims import Ask, Given, claim
from buildbot_cd.store.rows import BLOCKED, HARMLESS, PlannedTest, RunTest, TestResult, WorkState
from tests.store.agreement import Agreement

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from buildbot_cd.store import Tx

WORKERS = ("w1", "w2", "w3")
SOME = st.sets(st.sampled_from(WORKERS), max_size=2).map(sorted)
ONE = st.sampled_from(WORKERS)
PLANS = st.tuples(
    *[
        st.builds(
            PlannedTest,
            st.just(f"t{number}"),
            st.sampled_from([0.125, 4.0]),
            st.sampled_from([0.0, 1.0, 2.0]),
            st.sampled_from([(), (f"t{number - 1}",), (f"t{number - 1}",), (f"t{number - 2}", f"t{number - 1}")]),
            st.sampled_from([None, None, None, "db"]),
            st.sampled_from([None, None, None, "w1"]),
        )
        for number in range(6)
    ]
)


class Runner:
    """What a worker's pytest has to do: it runs nothing of which a requirement that it was told did not pass."""

    def __init__(self) -> None:
        self.line: list[str] = []
        self.after: dict[str, list[str]] = {}
        self.good: set[str] = set()
        self.unsaid: list[TestResult] = []

    @property
    def under_way(self) -> set[str]:
        """The tests of which the master does not know the end."""
        return {*self.line, *(one.nid for one in self.unsaid)}

    def asked(self, chunk: tuple[PlannedTest, ...]) -> None:
        """A chunk comes."""
        inside = self.under_way.union(one.nid for one in chunk)
        for one in chunk:
            self.after[one.nid] = [nid for nid in one.requires if nid in inside]
            self.good.discard(one.nid)
            self.line.append(one.nid)


class Shards(Agreement):
    """One run and three shards; both stores do the same."""

    @initialize(tests=PLANS)
    def planned(self, tests: tuple[PlannedTest, ...]) -> None:
        self.now = 1000.0
        self.needs = {one.nid: {nid for nid in one.requires if "-" not in nid} for one in tests}
        self.passed: set[str] = set()
        self.runners = {name: Runner() for name in WORKERS}
        self.same(lambda tx: tx.runs.create("k", "shop", None, "gate", "abc", 0.0))
        self.same(lambda tx: tx.runs.plan(1, tests, {}, None, 0.0))

    def state(self) -> dict[str, RunTest]:
        how, tests = self.same(lambda tx: tx.runs.tests(1))
        assert how == "gave"
        return {one.nid: one for one in tests}

    @rule(names=SOME, restarts=st.sampled_from([False, False, False, True]))
    def shards_ask(self, names: list[str], restarts: bool) -> None:
        """Each test is given out once, and only behind what it requires; whose runner starts anew is at nothing."""
        asks = [
            Ask(name, False, restarts, frozenset(self.runners[name].under_way))
            for name in names
            if not restarts or not self.runners[name].under_way
        ]

        def answered(tx: Tx) -> tuple[tuple[RunTest, ...], Given, tuple[RunTest, ...]]:
            tx.runs.expire(1, self.now)
            return tx.runs.tests(1), claim(tx, "shop", 1, asks, len(WORKERS), 0.3, self.now), tx.runs.tests(1)

        how, (tests, given, later) = self.same(answered)
        assert how == "gave"
        before = {one.nid: one for one in tests}
        given_out = [one.nid for chunk in given.shares.values() for one in chunk]
        assert len(given_out) == len(set(given_out))
        for name, chunk in given.shares.items():
            states = {before[one.nid].state for one in chunk}
            assert states == {WorkState.WAITING} or not any(one.state is WorkState.WAITING for one in later)
            self.check(name, chunk, before, follows=not restarts and states == {WorkState.WAITING})
            self.runners[name].asked(chunk)

    def check(self, name: str, chunk: tuple[PlannedTest, ...], before: Mapping[str, RunTest], *, follows: bool) -> None:
        earlier = {nid for nid, one in before.items() if one.outcome in HARMLESS}
        held = {nid for nid, one in before.items() if one.state is WorkState.CLAIMED and one.worker == name}
        earlier |= held & self.runners[name].under_way if follows else set()
        for one in chunk:
            assert self.needs[one.nid] <= earlier
            earlier |= {one.nid} if follows else set()

    @precondition(lambda self: any(one.line for one in self.runners.values()))
    @rule(name=ONE, outcome=st.sampled_from(["passed", "passed", "passed", "skipped", "failed"]))
    def test_ends(self, name: str, outcome: str) -> None:
        """A runner does what is next. Whatever it runs, all that the test requires has passed somewhere before."""
        runner = self.runners[name]
        if not runner.line:
            return
        nid = runner.line.pop(0)
        if not runner.good.issuperset(runner.after[nid]):
            return
        assert self.needs[nid] <= self.passed
        if outcome in HARMLESS:
            runner.good.add(nid)
            self.passed.add(nid)
        runner.unsaid.append(TestResult(nid, outcome, 0.1))

    @precondition(lambda self: any(one.unsaid for one in self.runners.values()))
    @rule(name=ONE, most=st.integers(1, 9))
    def results_arrive(self, name: str, most: int) -> None:
        runner = self.runners[name]
        said, runner.unsaid = runner.unsaid[:most], runner.unsaid[most:]
        self.same(lambda tx: tx.runs.report(1, name, said, self.now))

    @rule(name=ONE, in_a_test=st.booleans())
    def runner_dies(self, name: str, in_a_test: bool) -> None:
        runner, self.runners[name] = self.runners[name], Runner()
        suspect = runner.line[0] if in_a_test and runner.line else None
        self.same(lambda tx: tx.runs.release(1, name, suspect))

    @rule(alive=st.just(list(WORKERS)) | SOME, seconds=st.sampled_from([20.0, 100.0]))
    def time_goes_by(self, alive: list[str], seconds: float) -> None:
        self.now += seconds
        for name in alive:
            line = self.runners[name].line
            running = line[0] if line else None
            self.same(lambda tx: tx.runs.extend(1, name, self.now, self.now + GRACE, running))  # noqa: B023

    def teardown(self) -> None:
        """Whatever happened, three shards that go on end the run, and only what a failure stands before is blocked."""
        if not hasattr(self, "runners"):
            return
        for name in WORKERS:
            self.runner_dies(name, in_a_test=False)
        for _ in range(50):
            if all(one.state is WorkState.DONE for one in self.state().values()):
                break
            self.shards_ask(list(WORKERS), restarts=False)
            for name in WORKERS:
                while self.runners[name].line:
                    self.test_ends(name, "passed")
                self.results_arrive(name, 99)
        state = self.state()
        assert all(one.state is WorkState.DONE for one in state.values())
        for nid, one in state.items():
            bad = any(state[need].outcome not in HARMLESS for need in self.needs[nid])
            assert (one.outcome == BLOCKED) <= bad


def test_nothing_is_given_out_twice_or_runs_too_early(engine: sa.Engine) -> None:
    """Under any interleaving of claims, failures, deaths and silence, on each store, and every run comes to its end."""
    machine = type("Machine", (Shards,), {"engine": engine})
    examples = 25 if engine.dialect.name == "sqlite" else 8
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None))
