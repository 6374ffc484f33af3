# SPDX-License-Identifier: GPL-2.0-only
"""The same random operations go to the memory store and to the SQL store, and every answer must be the same."""
# ruff: noqa: D102 - a rule of the machine is told by its name and its body

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from buildbot_cd.core.landing.values import Effect, EffectKind, Freeze, Gate, Mode, Slot, State
from buildbot_cd.errors import CdError
from buildbot_cd.store import EngineStore, MemoryStore
from buildbot_cd.store.rows import HostRow, PlannedTest, RolloutState, Share, TestResult
from buildbot_cd.store.schema import metadata
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.store import Tx

GATES = st.sampled_from(["shop", "blog\x00"])
IDS = st.one_of(st.integers(1, 6), st.sampled_from([0, -1, 2**70]))
RUNS = st.sampled_from([1, 1, 1, 1, 1, 2, 2, 3, 2**70])
SHAS = st.sampled_from(["a1", "b2", "c3", "d4"])
TEXTS = st.one_of(st.sampled_from(["", "plain", "it's", "\x00", "\ud800", "%s {}", "日本"]), st.text(max_size=8))
TIMES = st.integers(0, 20).map(float)
KEYS = st.sampled_from(["k1", "k2", "k3", "k4\x00"])
NIDS = st.sampled_from(["t1", "t2", "t3", "t4", "t5"])
SHARES = st.sampled_from([0.0, 0.5, 1.0])
WORKERS = st.sampled_from(["w1", "w2"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), TEXTS)
JSON = st.dictionaries(st.sampled_from(["a", "b", "\x00"]), st.one_of(SCALARS, st.lists(SCALARS, max_size=3)))
WANTED = st.builds(
    Wanted,
    gate=st.none() | GATES,
    states=st.none() | st.lists(st.sampled_from(["queued", "live", "done", "staging"]), max_size=3).map(tuple),
    above=st.none() | IDS,
    below=st.none() | IDS,
    newest_first=st.booleans(),
    limit=st.integers(-1, 3),
    offset=st.integers(-1, 2),
    counted=st.booleans(),
)
TESTS = st.lists(
    st.builds(
        PlannedTest,
        NIDS,
        st.sampled_from([0.5, 1.0, 4.0]),
        st.sampled_from([0.0, 1.0, 2.0]),
        st.lists(st.one_of(NIDS, st.just("elsewhere")), max_size=2).map(tuple),
        st.sampled_from([None, "db"]),
        st.sampled_from([None, "w1"]),
    ),
    max_size=5,
    unique_by=lambda test: test.nid,
)
CHAINS = st.tuples(
    *[
        st.builds(
            PlannedTest,
            st.just(f"t{number}"),
            st.sampled_from([0.5, 4.0]),
            st.sampled_from([0.0, 1.0]),
            st.lists(st.sampled_from([f"t{one}" for one in range(1, number)] or ["elsewhere"]), max_size=2).map(tuple),
            st.none(),
            st.sampled_from([None, "w1"]),
        )
        for number in range(1, 6)
    ]
).map(list)
"""A run whose tests require earlier ones."""
RESULTS = st.lists(
    st.builds(TestResult, NIDS, st.sampled_from(["passed", "passed", "skipped", "failed"]), st.just(0.5), TEXTS),
    max_size=3,
)


class Abandoned(Exception):
    """Raised on purpose, to roll back."""


class Agreement(RuleBasedStateMachine):
    """Both stores, side by side."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as conn:
            for table in metadata.sorted_tables:
                conn.execute(sa.delete(table))
        self.stores = (MemoryStore(), EngineStore(self.engine))

    def same(self, fn: Callable[[Tx], Any]) -> Any:
        """What both give; errors count by type and text."""
        one, other = (outcome(store, fn) for store in self.stores)
        assert one == other
        return one

    def same_read(self, fn: Callable[[Tx], Any]) -> None:
        """What both give to a reader."""
        one, other = (store.read_now(fn) for store in self.stores)
        assert one == other


class GateAgreement(Agreement):
    """Gates, landings and slots."""

    @rule(name=GATES, why=TEXTS, mode=st.sampled_from(Mode))
    def gate_created(self, name: str, why: str, mode: Mode) -> None:
        self.same(lambda tx: tx.gates.create(Gate(name, mode=mode, mode_reason=why, version=3)))

    @rule(name=GATES, trunk=SHAS, until=st.none() | TIMES, late=st.booleans(), why=TEXTS)
    def gate_updated(self, name: str, trunk: str, until: float | None, late: bool, why: str) -> None:
        def change(tx: Tx) -> object:
            gate = tx.gates.get(name) or Gate(name)
            old = gate.version - 1 if late else gate.version
            frozen = Freeze(Mode.CLOSED, why, "ops\x00", until, gate.epoch) if late or until else None
            changed = replace(gate, trunk=trunk, mode_until=until, min_priority=gate.epoch, beneath=frozen)
            return tx.gates.update(replace(changed, epoch=gate.epoch + 1, version=old))

        self.same(change)

    @rule(gate=GATES, base=SHAS, head=SHAS, text=TEXTS, at=TIMES, priority=st.integers(-1, 2))
    def landing_added(self, gate: str, base: str, head: str, text: str, at: float, priority: int) -> None:
        self.same(lambda tx: tx.landings.add(gate, base, head, text, text, text, at, priority))

    @rule(
        ident=IDS,
        state=st.sampled_from(State),
        at=TIMES,
        text=TEXTS,
        late=st.booleans(),
        kind=st.sampled_from(["", "test", "withdraw"]),
        cause=st.none() | st.just(1),
    )
    def landing_updated(
        self, ident: int, state: State, at: float, text: str, late: bool, kind: str, cause: int | None
    ) -> None:
        def change(tx: Tx) -> object:
            found = tx.landings.get(ident)
            if found is None:
                return None
            wanted = replace(
                found,
                state=state,
                since=at,
                failing=(text, "x"),
                revert_kind=kind,
                cause=cause,
                subject="not written",
                version=found.version + late,
            )
            return tx.landings.update(wanted, text, text, at)

        self.same(change)

    @rule(gate=GATES, ident=IDS, limit=st.integers(-1, 3), before=st.none() | IDS, sha=SHAS, at=TIMES)
    def landings_read(self, gate: str, ident: int, limit: int, before: int | None, sha: str, at: float) -> None:
        self.same(
            lambda tx: (
                tx.landings.get(ident),
                tx.landings.by_head(gate, sha),
                tx.landings.open(gate),
                tx.landings.recent(gate, limit, before),
                tx.landings.transitions(ident),
                tx.landings.reverted_since(gate, at),
                tx.gates.all(),
            )
        )

    @rule(wanted=WANTED, engineer=st.none() | TEXTS, head=st.none() | SHAS, since=st.none() | TIMES, ids=st.lists(IDS))
    def landings_found(
        self, wanted: Wanted, engineer: str | None, head: str | None, since: float | None, ids: list[int]
    ) -> None:
        asked = replace(wanted, engineer=engineer, head=head, since=since)
        self.same_read(lambda tx: (tx.landings.find(asked), tx.landings.find(wanted), tx.landings.histories(ids)))

    @rule(gate=GATES, slot=st.sampled_from(Slot), landing=st.integers(1, 3), give=st.booleans())
    def slot_moved(self, gate: str, slot: Slot, landing: int, give: bool) -> None:
        if give:
            self.same(lambda tx: tx.slots.take(gate, slot, landing, 1.0))
        else:
            self.same(lambda tx: tx.slots.free(gate, slot, landing))
        self.same(lambda tx: (tx.slots.holders(gate), tx.slots.held(gate)))

    @rule(gate=GATES, landing=st.none() | st.integers(1, 3), key=KEYS, done=st.booleans())
    def intent_recorded(self, gate: str, landing: int | None, key: str, done: bool) -> None:
        self.same(lambda tx: tx.outbox.put(gate, landing, Effect(EffectKind.MARK, key), 2, 3.0))
        self.same(lambda tx: done and tx.outbox.finish(key, {}, 4.0))

    @rule(gate=GATES)
    def snapshot_read(self, gate: str) -> None:
        self.same(lambda tx: tx.snapshot(gate))

    @rule(gate=GATES, key=KEYS, head=SHAS)
    def abandoned(self, gate: str, key: str, head: str) -> None:
        def write_and_raise(tx: Tx) -> None:
            tx.landings.add(gate, "z", head, "e", "s", "m", 1.0)
            tx.outbox.put(gate, None, Effect(EffectKind.MARK, key), 0, 1.0)
            tx.runs.create(key, gate, None, "try", "abc", 1.0)
            raise Abandoned

        self.same(write_and_raise)


class OutboxAgreement(Agreement):
    """The outbox."""

    @rule(gate=GATES, landing=st.none() | st.integers(1, 3), key=KEYS, kind=st.sampled_from(EffectKind), payload=JSON)
    def intent_put(self, gate: str, landing: int | None, key: str, kind: EffectKind, payload: dict[str, Any]) -> None:
        self.same(lambda tx: tx.outbox.put(gate, landing, Effect(kind, key, payload), 2, 3.0))

    @rule(
        key=KEYS,
        what=st.sampled_from(["start", "start", "ref", "finish", "drop"]),
        at=TIMES,
        result=JSON,
        ref=st.none() | TEXTS,
    )
    def intent_moved(self, key: str, what: str, at: float, result: dict[str, Any], ref: str | None) -> None:
        moves: dict[str, Callable[[Tx], object]] = {
            "start": lambda tx: tx.outbox.start(key, at, ref),
            "ref": lambda tx: tx.outbox.set_ref(key, ref or ""),
            "finish": lambda tx: tx.outbox.finish(key, result, at),
            "drop": lambda tx: tx.outbox.drop(key, at),
        }
        self.same(moves[what])
        self.same(lambda tx: tx.outbox.get(key))

    @rule(gate=GATES, key=KEYS, ids=st.lists(IDS, max_size=3))
    def intents_read(self, gate: str, key: str, ids: list[int]) -> None:
        self.same(
            lambda tx: (
                tx.outbox.get(key),
                tx.outbox.unfinished(),
                tx.outbox.unfinished(gate),
                tx.outbox.of_landings(ids),
                tx.outbox.for_gate_level(gate),
            )
        )


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

    @rule(ident=RUNS, worker=WORKERS, at=TIMES, most=st.integers(0, 3), along=st.integers(0, 2), share=SHARES)
    def run_claimed(self, ident: int, worker: str, at: float, most: int, along: int, share: float) -> None:
        def claim(tx: Tx) -> object:
            seen = tx.runs.look(ident, 1, share)
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
                tx.verdicts.of_rollout(ident),
            )
        )

    @rule(wanted=WANTED, landing=st.none() | IDS)
    def rollouts_found(self, wanted: Wanted, landing: int | None) -> None:
        self.same_read(lambda tx: tx.rollouts.find(replace(wanted, landing=landing)))

    @rule(rollout=st.integers(1, 3), text=TEXTS, evidence=JSON)
    def verdict_added(self, rollout: int, text: str, evidence: dict[str, Any]) -> None:
        self.same(lambda tx: tx.verdicts.add(rollout, text, 1.0, "ok", text, evidence))


def outcome(store: MemoryStore | EngineStore, fn: Callable[[Tx], Any]) -> tuple[str, Any]:
    """What a transaction gave, or what it raised."""
    try:
        return "gave", store.transact_now(fn)
    except (CdError, Abandoned) as error:
        return "raised", (type(error), str(error))


@pytest.mark.parametrize("part", [GateAgreement, OutboxAgreement, RunAgreement, RolloutAgreement])
def test_both_stores_agree(engine: sa.Engine, part: type[Agreement]) -> None:
    """Whatever is done, the memory store and the database give the same answers and raise the same errors."""
    machine = type("Machine", (part,), {"engine": engine})
    examples = 50 if engine.dialect.name == "sqlite" else 20
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))


def test_memory_store_gives_copies() -> None:
    """A caller who changes a payload that it was given changes nothing in the memory store."""
    store = MemoryStore()
    intent = store.transact_now(lambda tx: tx.outbox.put("g", None, Effect(EffectKind.MARK, "k", {"a": [1]}), 0, 1.0))
    intent.payload["a"].append(2)
    found = store.transact_now(lambda tx: tx.outbox.get("k"))
    assert found is not None
    assert found.payload == {"a": [1]}
