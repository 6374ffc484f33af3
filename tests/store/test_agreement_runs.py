# SPDX-License-Identifier: GPL-2.0-only
"""The same as `test_agreement`, for test runs, what they teach, and rollouts."""
# ruff: noqa: D102 - a rule of the machine is told by its name and its body

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from buildbot_cd.store.rows import HostRow, PlannedTest, RolloutState, Share, TestResult
from buildbot_cd.store.wanted import Wanted
from tests.store.agreement import (
    CHAINS,
    GATES,
    IDS,
    JSON,
    KEYS,
    NIDS,
    RESULTS,
    RUNS,
    TESTS,
    TEXTS,
    TIMES,
    WANTED,
    WINDOWS,
    WORKERS,
    Agreement,
    agree,
)

if TYPE_CHECKING:
    from buildbot_cd.core.dispatch.offer import Window
    from buildbot_cd.store import Tx


class RunAgreement(Agreement):
    """Test runs and their queues."""

    @initialize(tests=CHAINS)
    def run_begun(self, tests: list[PlannedTest]) -> None:
        self.same(lambda tx: tx.runs.create("k1", "shop", 1, "gate", "abc", 0.0))
        self.same(lambda tx: tx.runs.plan(1, tests, {}, None, 0.0))

    @rule(key=KEYS, gate=GATES, landing=st.none() | st.integers(1, 3), at=TIMES)
    def run_created(self, key: str, gate: str, landing: int | None, at: float) -> None:
        self.same(lambda tx: tx.runs.create(key, gate, landing, "gate", "abc", at))

    @rule(ident=RUNS, tests=TESTS, why=JSON, bound=st.none() | TIMES)
    def run_planned(self, ident: int, tests: list[PlannedTest], why: dict[str, Any], bound: float | None) -> None:
        self.same(lambda tx: tx.runs.plan(ident, tests, why, bound, 5.0))

    @rule(ident=RUNS, test=TESTS.filter(bool))
    def run_planned_badly(self, ident: int, test: list[PlannedTest]) -> None:
        self.same(lambda tx: tx.runs.plan(ident, [*test, test[0]], {}, None, 5.0))

    @rule(ident=RUNS, worker=WORKERS, at=TIMES, most=st.integers(0, 3), along=st.integers(0, 2), window=WINDOWS)
    def run_claimed(self, ident: int, worker: str, at: float, most: int, along: int, window: Window) -> None:
        def claim(tx: Tx) -> object:
            seen = tx.runs.look(ident, window)
            nids = [test.nid for test in (*seen.ready[:most], *seen.waiting[:along])]
            return seen, tx.runs.take(ident, worker, nids, at, at + 3)

        self.same(claim)

    @rule(ident=RUNS, worker=WORKERS, nids=st.lists(st.one_of(NIDS, TEXTS), max_size=3), at=TIMES)
    def run_claimed_blindly(self, ident: int, worker: str, nids: list[str], at: float) -> None:
        self.same(lambda tx: tx.runs.take(ident, worker, nids, at, at + 3))

    @rule(ident=RUNS, each=st.lists(st.tuples(WORKERS, st.lists(NIDS, max_size=2)), max_size=3), at=TIMES)
    def run_dealt(self, ident: int, each: list[tuple[str, list[str]]], at: float) -> None:
        shares = [Share(worker, tuple(nids), at + 3) for worker, nids in dict(each).items()]
        self.same(lambda tx: tx.runs.deal(ident, shares, at))

    @rule(ident=RUNS, nids=st.lists(st.one_of(NIDS, TEXTS), max_size=3))
    def holders_sought(self, ident: int, nids: list[str]) -> None:
        self.same(lambda tx: tx.runs.who_holds(ident, nids))

    @rule(ident=RUNS, worker=WORKERS, nid=NIDS, until=TIMES)
    def run_copied(self, ident: int, worker: str, nid: str, until: float) -> None:
        self.same(lambda tx: (tx.runs.copy(ident, worker, nid, until), tx.runs.held(ident)))

    @rule(ident=RUNS, worker=WORKERS, at=TIMES, until=TIMES, running=st.none() | NIDS)
    def run_extended(self, ident: int, worker: str, at: float, until: float, running: str | None) -> None:
        self.same(lambda tx: tx.runs.extend(ident, worker, at, until, running))

    @rule(ident=RUNS, at=TIMES)
    def run_expired(self, ident: int, at: float) -> None:
        self.same(lambda tx: tx.runs.expire(ident, at))

    @rule(ident=RUNS, worker=WORKERS, results=RESULTS, at=TIMES)
    def run_reported(self, ident: int, worker: str, results: list[TestResult], at: float) -> None:
        self.same(lambda tx: tx.runs.report(ident, worker, results, at))

    @rule(ident=RUNS, worker=WORKERS, suspect=st.none() | NIDS)
    def run_released(self, ident: int, worker: str, suspect: str | None) -> None:
        self.same(lambda tx: tx.runs.release(ident, worker, suspect))

    @rule(ident=RUNS, at=TIMES, error=TEXTS)
    def run_finished(self, ident: int, at: float, error: str) -> None:
        self.same(lambda tx: tx.runs.finish(ident, at, error))

    @rule(ident=RUNS, key=KEYS)
    def run_read(self, ident: int, key: str) -> None:
        self.same(lambda tx: (tx.runs.get(ident), tx.runs.by_key(key), tx.runs.for_landing(ident)))
        self.same(lambda tx: tx.runs.tests(ident))
        self.same(lambda tx: (tx.runs.counts(ident), tx.runs.nids(ident)))
        self.same(lambda tx: tx.runs.worked(ident))


class RolloutAgreement(Agreement):
    """Durations, rollouts and verdicts."""

    @rule(gate=GATES, estimates=st.dictionaries(TEXTS, st.tuples(TIMES, TIMES, TIMES), max_size=3))
    def durations_put(self, gate: str, estimates: dict[str, tuple[float, float, float]]) -> None:
        self.same(lambda tx: (tx.durations.put(gate, estimates), tx.durations.get(gate), tx.durations.ages(gate)))

    @rule(gate=GATES, nids=st.lists(NIDS, max_size=3), at=TIMES, revision=TEXTS)
    def tests_passed(self, gate: str, nids: list[str], at: float, revision: str) -> None:
        rows = dict.fromkeys(nids, (1.0, 2.0, 3.0))
        self.same(lambda tx: (tx.durations.put(gate, rows, (at, revision)), tx.durations.ages(gate)))

    @rule(gate=GATES)
    def runs_sought(self, gate: str) -> None:
        self.same(lambda tx: (tx.runs.newest(gate, "gate"), tx.runs.newest(gate, "none")))
        self.same(lambda tx: [tx.runs.recent(gate, "gate", limit) for limit in (-1, 2, 9)])
        self.same(lambda tx: tx.runs.past([1, 2, 3, 2**70]))
        self.same(lambda tx: (tx.runs.rivals(gate, ["gate"]), tx.runs.rivals(gate, []), tx.runs.rivals(gate, ["try"])))

    @rule(gate=GATES, nids=st.lists(TEXTS, max_size=2))
    def durations_read(self, gate: str, nids: list[str]) -> None:
        self.same(lambda tx: tx.durations.get(gate, nids))

    @rule(
        gate=GATES,
        speeds=st.dictionaries(TEXTS, st.tuples(TIMES, st.integers(0, 9), st.none() | TIMES), max_size=3),
    )
    def speeds_put(self, gate: str, speeds: dict[str, tuple[float, int, float | None]]) -> None:
        self.same(lambda tx: (tx.durations.put_speeds(gate, speeds), tx.durations.speeds(gate)))

    @rule(key=KEYS, gate=GATES, landing=st.none() | st.integers(1, 3), plan=JSON, text=TEXTS)
    def rollout_created(self, key: str, gate: str, landing: int | None, plan: dict[str, Any], text: str) -> None:
        self.same(lambda tx: tx.rollouts.create(key, gate, landing, text, "abc", 7, plan, 1.0, {"x": text}))

    @rule(ident=IDS, state=st.sampled_from(RolloutState), text=TEXTS, ended=st.none() | TIMES, late=st.booleans())
    def rollout_updated(self, ident: int, state: RolloutState, text: str, ended: float | None, late: bool) -> None:
        def change(tx: Tx) -> object:
            found = tx.rollouts.get(ident)
            if found is None:
                return None
            wanted = replace(found, state=state, stage=text, reason=text, ended_at=ended, version=found.version + late)
            return tx.rollouts.update(wanted)

        self.same(change)

    @rule(ident=IDS, hosts=st.lists(st.builds(HostRow, st.just(9), TEXTS, TEXTS, TEXTS, st.none() | TEXTS), max_size=3))
    def hosts_put(self, ident: int, hosts: list[HostRow]) -> None:
        self.same(lambda tx: tx.rollouts.put_hosts(ident, hosts))

    @rule(ident=IDS, gate=GATES, key=KEYS, limit=st.integers(-1, 3), before=st.none() | IDS)
    def rollouts_read(self, ident: int, gate: str, key: str, limit: int, before: int | None) -> None:
        self.same(
            lambda tx: (
                tx.rollouts.get(ident),
                tx.rollouts.by_key(key),
                tx.rollouts.latest(gate),
                tx.rollouts.for_landing(ident),
                tx.rollouts.recent(gate, limit, before),
                tx.rollouts.hosts(ident),
                tx.rollouts.alike(ident),
                tx.verdicts.of_rollout(ident),
            )
        )

    @rule(wanted=WANTED, landing=st.none() | IDS)
    def rollouts_found(self, wanted: Wanted, landing: int | None) -> None:
        self.same_read(lambda tx: tx.rollouts.find(replace(wanted, landing=landing)))

    @rule(rollout=st.integers(1, 3), text=TEXTS, evidence=JSON)
    def verdict_added(self, rollout: int, text: str, evidence: dict[str, Any]) -> None:
        self.same(lambda tx: tx.verdicts.add(rollout, text, 1.0, "ok", text, evidence))


@pytest.mark.parametrize("part", [RunAgreement, RolloutAgreement])
def test_both_stores_agree(engine: sa.Engine, part: type[Agreement]) -> None:
    """Whatever is done, the memory store and the database give the same answers and raise the same errors."""
    agree(engine, part)
