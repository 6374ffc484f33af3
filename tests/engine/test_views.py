# SPDX-License-Identifier: GPL-2.0-only
"""What pages are shown, from a memory store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from buildbot_cd.core.dispatch.offer import Window
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Slot, State
from buildbot_cd.core.rollout.records import Phase
from buildbot_cd.engine import views
from buildbot_cd.engine.views.hosts import COLUMNS, mark
from buildbot_cd.engine.views.remembered import KEPT, Remembered
from buildbot_cd.store import MemoryStore, Tx
from buildbot_cd.store.rows import HostRow, PlannedTest, RolloutState, TestResult
from buildbot_cd.store.wanted import Wanted

NOW = 1000.0
LENS = views.Lens(Policy(), NOW, 720.0, views.Memory(Remembered(0.0), Remembered(0.0)))
"""Remembers nothing: each test has its own store."""
HOSTS = [{"name": f"web-{number}", "address": f"10.0.0.{number}", "role": "web"} for number in range(800)]
PLAN = {
    "hosts": HOSTS,
    "stages": [
        {"name": "canary", "hosts": ["web-0"], "watch": 60.0, "budget": 0},
        {"name": "fleet", "hosts": [one["name"] for one in HOSTS[1:]], "watch": 0.0, "budget": 8},
    ],
}


@pytest.fixture
def store() -> MemoryStore:
    """A store with one open gate."""
    made = MemoryStore()
    made.transact_now(lambda tx: tx.gates.create(Gate("shop", trunk="t", tested="t", live="t")))
    return made


def land(tx: Tx, state: State = State.QUEUED, slot: Slot | None = None, **changes: Any) -> int:
    """A landing in this state, since 900."""
    head = f"h{len(tx.landings.recent('shop', 99))}"
    made = tx.landings.add("shop", "b", head, "ada@example.org", "subject", "m" * 30_000, 800.0)
    if state is not State.QUEUED or changes:
        wanted = replace(made, state=state, since=900.0, candidate=head, **changes)
        made = tx.landings.update(wanted, "gate", "why", 900.0)
    if slot is not None:
        tx.slots.take("shop", slot, made.id, 900.0)
    return made.id


def test_the_gate_at_one_look(store: MemoryStore) -> None:
    """Who is inside and since when, who waits and why, and whether it is safe to push."""

    def fill(tx: Tx) -> None:
        land(tx, State.DEPLOYING, Slot.DEPLOY)
        land(tx, State.TESTING, Slot.TEST)
        land(tx)

    store.transact_now(fill)
    gate = store.read_now(lambda tx: views.gate_view(tx, "shop", LENS))
    assert gate is not None
    assert gate["slots"]["test"] == {
        "landing": 2,
        "since": 900.0,
        "engineer": "ada@example.org",
        "subject": "subject",
        "state": "testing",
    }
    assert (gate["slots"]["deploy"]["landing"], gate["queue"], gate["queued"], gate["open"]) == (1, [3], 1, 3)
    assert gate["obstacle"] == "landing 2 holds the test slot (testing)"
    assert (gate["safe"], gate["budget"], gate["stages"]["test"]) == (True, 720.0, None)
    assert store.read_now(lambda tx: views.gates_view(tx, LENS)) == [gate]
    assert store.read_now(lambda tx: views.gate_view(tx, "other", LENS)) is None


@pytest.mark.parametrize("state", [State.REVERTING, State.HALTED])
def test_while_something_is_taken_back_it_is_not_safe_to_push(store: MemoryStore, state: State) -> None:
    """Whoever pushes now waits behind somebody else's trouble."""
    store.transact_now(lambda tx: land(tx, state, Slot.TEST))
    gate = store.read_now(lambda tx: views.gate_view(tx, "shop", LENS))
    assert gate is not None
    assert gate["safe"] is False
    assert gate["reverting"] == ([1] if state is State.REVERTING else [])


def test_landings_come_in_pages_with_what_they_wait_for(store: MemoryStore) -> None:
    """Newest first; ended ones wait for nothing and take no orders; lists leave the long message out."""
    store.transact_now(lambda tx: [land(tx, State.LIVE), land(tx, State.PASSED, Slot.TEST), land(tx), land(tx)])
    rows, total = store.read_now(lambda tx: views.landings_view(tx, Wanted("shop", limit=3), LENS))
    assert ([row["id"] for row in rows], total) == ([4, 3, 2], 4)
    assert rows[0]["waiting"]["position"] == 2
    assert [row["can"] for row in rows] == [["hold", "withdraw", "emergency"]] * 3
    assert {row["message"] for row in rows} == {""}
    ended = store.read_now(lambda tx: views.landing_view(tx, 1, LENS))
    assert ended is not None
    assert (ended["waiting"], ended["can"], ended["open"], len(ended["message"])) == (None, [], False, 20_000)
    json.dumps(rows, allow_nan=False)


def test_a_landing_in_test_tells_how_far_its_tests_are(store: MemoryStore) -> None:
    """The counts of its newest run stand in its sentence."""

    def fill(tx: Tx) -> None:
        ident = land(tx, State.TESTING, Slot.TEST, reason="its checks run")
        run = tx.runs.create("k", "shop", ident, "gate", "h", 1.0)
        tx.runs.plan(run.id, [PlannedTest("a"), PlannedTest("b"), PlannedTest("c")], {}, 2.0, 2.0)
        tx.runs.take(run.id, "w1", [one.nid for one in tx.runs.look(run.id, Window(9)).ready], 3.0, 99.0)
        tx.runs.report(run.id, "w1", [TestResult("a", "passed", 0.5), TestResult("b", "failed", 0.5, "boom")], 5.0)

    store.transact_now(fill)
    found = store.read_now(lambda tx: views.landing_view(tx, 1, LENS))
    assert found is not None
    assert found["waiting"]["why"] == "its checks run: 2 of 3 tests done, 1 failed"


def test_a_run_tells_its_selection_its_bound_and_each_test_with_its_reason(store: MemoryStore) -> None:
    """The makespan goes from the plan to the last result, to be laid beside the lower bound."""
    told = {
        "everything": None,
        "chosen": [["a", ["tag app is declared"]], ["b", ["always"]]],
        "left_out": [["c", "no tag"]],
        "missing_tags": [{"tag": "cart", "because": "cart.py", "tests": 2}],
        "bound": {"binding": "longest", "advice": "split a"},
    }

    def fill(tx: Tx) -> None:
        run = tx.runs.create("k", "shop", None, "try", "h", 1.0)
        tx.runs.plan(run.id, [PlannedTest("a", 9.0), PlannedTest("b")], told, 9.0, 10.0)
        tx.runs.take(run.id, "w1", [one.nid for one in tx.runs.look(run.id, Window(9)).ready], 11.0, 99.0)
        tx.runs.report(run.id, "w1", [TestResult("a", "failed", 8.0, "x" * 30_000)], 22.0)

    store.transact_now(fill)
    run = store.read_now(lambda tx: views.run_view(tx, 1))
    assert run is not None
    assert run["counts"] == {"waiting": 0, "claimed": 1, "done": 1, "failed": 1, "total": 2}
    assert (run["makespan"], run["lower_bound"], run["binding"], run["advice"]) == (12.0, 9.0, "longest", "split a")
    assert run["selection"] == {"everything": None, "chosen": 2, "left_out": 1}
    assert (run["missing_tags"], run["unknown_tags"], run["workers"]) == (told["missing_tags"], [], ["w1"])
    tests = store.read_now(lambda tx: views.tests_view(tx, 1))
    assert tests is not None
    assert [(one["nid"], one["reasons"]) for one in tests] == [("a", ["tag app is declared"]), ("b", ["always"])]
    assert (tests[0]["outcome"], tests[0]["done_at"], len(tests[0]["text"])) == ("failed", 22.0, 20_000)


def test_what_there_is_not_is_none(store: MemoryStore) -> None:
    """Unknown ids give None, which becomes 404, and not an empty list."""
    for view in (views.run_view, views.tests_view, views.rollout_view, views.fleet_view, views.verdicts_view):
        assert store.read_now(lambda tx, view=view: view(tx, 7)) is None
    for view in (
        views.transitions_view,
        views.effects_view,
        views.landing_runs_view,
        views.landing_rollouts_view,
    ):
        assert store.read_now(lambda tx, view=view: view(tx, 7)) is None
    assert store.read_now(lambda tx: views.landing_view(tx, 7, LENS)) is None


def test_effects_lead_to_the_builds(store: MemoryStore) -> None:
    """A buildset's number where there is one, the builder's name where a build does it, and nothing where none does."""

    def fill(tx: Tx) -> None:
        ident = land(tx)
        for kind, key, payload in (
            (EffectKind.CHECKS, "c", {}),
            (EffectKind.BUILD, "c#lint", {"builder": "lint"}),
            (EffectKind.ROLLOUT, "r", {}),
        ):
            tx.outbox.put("shop", ident, Effect(kind, key, payload), 0, 1.0)
        tx.outbox.start("c#lint", 2.0, "77")
        tx.outbox.finish("c#lint", {"results": 0}, 3.0)

    store.transact_now(fill)
    rows = store.read_now(lambda tx: views.effects_view(tx, 1))
    assert rows is not None
    assert [(row["key"], row["builder"], row["buildsetid"]) for row in rows] == [
        ("c", None, None),
        ("c#lint", "lint", 77),
        ("r", "cd-deploy", None),
    ]
    assert (rows[1]["state"], rows[1]["started_at"], rows[1]["result"]) == ("done", 2.0, {"results": 0})


def test_eight_hundred_hosts_are_one_small_object(store: MemoryStore) -> None:
    """Numbers point into short lists; unpacked it is what was recorded."""

    def fill(tx: Tx) -> None:
        tx.rollouts.create("k", "shop", None, "r2", "h", 1, PLAN, 1.0)
        rows = [
            HostRow(1, one["name"], "web", "canary" if one["name"] == "web-0" else "fleet", None, "r1", "r1", at=5.0)
            for one in HOSTS
        ]
        rows[0] = replace(rows[0], desired="r2", observed="r2", phase="healthy")
        rows[5] = replace(rows[5], desired="r2", phase="unreachable", error="no route")
        tx.rollouts.put_hosts(1, rows)

    store.transact_now(fill)
    fleet = store.read_now(lambda tx: views.fleet_view(tx, 1))
    assert fleet is not None
    assert len(json.dumps(fleet, separators=(",", ":"))) < 60_000
    assert fleet["stages"] == ["canary", "fleet"]
    row = dict(zip(fleet["columns"], next(one for one in fleet["hosts"] if one[0] == "web-0"), strict=True))
    named = {
        "role": fleet["roles"][row["role"]],
        "stage": fleet["stages"][row["stage"]],
        "observed": fleet["releases"][row["observed"]],
        "previous": fleet["releases"][row["previous"]],
        "phase": fleet["phases"][row["phase"]],
        "mark": fleet["marks"][row["mark"]],
    }
    assert named == {
        "role": "web",
        "stage": "canary",
        "observed": "r2",
        "previous": "r1",
        "phase": "healthy",
        "mark": "new",
    }
    assert fleet["errors"] == {"web-5": "no route"}
    assert fleet["addresses"]["web-7"] == "10.0.0.7"
    rollout = store.read_now(lambda tx: views.rollout_view(tx, 1))
    assert rollout is not None
    assert rollout["marks"] == {"new": 1, "old": 798, "owed": 1}
    assert rollout["stages"][1] == {"name": "fleet", "hosts": 799, "watch": 0.0, "budget": 8}


@pytest.mark.parametrize(
    ("desired", "observed", "phase", "found"),
    [
        (None, "r1", Phase.STAGED, "old"),
        ("r2", "r1", Phase.STAGED, "switching"),
        ("r2", "r2", Phase.SWITCHED, "switching"),
        ("r2", "r2", Phase.HEALTHY, "new"),
        ("r1", "r2", Phase.PENDING, "switching"),
        ("r1", "r1", Phase.ROLLED_BACK, "back"),
        ("r1", "r1", Phase.HEALTHY, "back"),
        ("r2", "r2", Phase.UNHEALTHY, "failed"),
        (None, "r1", Phase.REFUSED, "failed"),
        ("r2", "r1", Phase.UNREACHABLE, "owed"),
    ],
)
def test_each_host_has_one_mark(desired: str | None, observed: str, phase: Phase, found: str) -> None:
    """What is told, what was seen and how it went give the mark; events carry the same one."""
    row = HostRow(1, "web-1", "web", "fleet", desired, observed, "r1", phase.value, "an error", 5.0)
    assert mark(row, "r2") == found
    told = dict(zip([*COLUMNS, "error"], views.host_row(row, "r2"), strict=True))
    assert (told["host"], told["mark"], told["phase"], told["error"]) == ("web-1", found, phase.value, "an error")


def test_a_rollout_can_be_rolled_back_while_its_landing_is_deployed(store: MemoryStore) -> None:
    """Not before, not after, and the newest verdict stands beside it."""

    def fill(tx: Tx) -> None:
        ident = land(tx, State.DEPLOYING, Slot.DEPLOY)
        tx.rollouts.create("k", "shop", ident, "r1", "h", 1, PLAN, 1.0)
        tx.verdicts.add(1, "canary", 5.0, "undecided", "too early", {})
        tx.verdicts.add(1, "canary", 6.0, "ok", "fine", {"log_e": -1.0, "needed": 6.9, "culprits": [], "metrics": []})

    store.transact_now(fill)
    found = store.read_now(lambda tx: views.rollout_view(tx, 1))
    assert found is not None
    assert (found["can"], found["verdict"]["kind"]) == (["roll_back"], "ok")
    verdicts = store.read_now(lambda tx: views.verdicts_view(tx, 1))
    assert verdicts is not None
    assert [(one["kind"], one["log_e"]) for one in verdicts] == [("undecided", None), ("ok", -1.0)]

    def end(tx: Tx) -> None:
        rollout = tx.rollouts.get(1)
        assert rollout is not None
        tx.rollouts.update(replace(rollout, state=RolloutState.DONE, ended_at=9.0))

    store.transact_now(end)
    rows, total = store.read_now(lambda tx: views.rollouts_view(tx, Wanted("shop", states=("done",))))
    assert (total, rows[0]["can"], rows[0]["open"], rows[0]["marks"]) == (1, [], False, None)


def test_history_is_told_for_each_gate(store: MemoryStore) -> None:
    """Every gate has its own figures; a gate that is not asked for is left out."""
    store.transact_now(lambda tx: tx.gates.create(Gate("blog")))
    store.transact_now(lambda tx: land(tx, State.LIVE))
    told = store.read_now(lambda tx: views.history_view(tx, None, 1, LENS))
    assert [(one["gate"], one["counts"]["live"]) for one in told] == [("blog", 0), ("shop", 1)]
    assert [one["gate"] for one in store.read_now(lambda tx: views.history_view(tx, ["blog"], 1, LENS))] == ["blog"]


def test_costly_figures_are_computed_once_for_many_readers() -> None:
    """A value is good for its seconds and for its key alone; old ones are dropped."""
    made: list[str] = []

    def compute(value: str) -> str:
        made.append(value)
        return value

    memory: Remembered[str] = Remembered(10.0)
    assert [memory.get("shop", at, lambda: compute("a")) for at in (0.0, 5.0, 9.9)] == ["a"] * 3
    assert memory.get("blog", 5.0, lambda: compute("b")) == "b"
    assert memory.get("shop", 10.0, lambda: compute("c")) == "c"
    assert memory.get("shop", 3.0, lambda: compute("back in time")) == "back in time"
    assert made == ["a", "b", "c", "back in time"]
    for number in range(2 * KEPT):
        memory.get(number, 11.0, lambda: compute("x"))
    assert memory.get("shop", 4.0, lambda: compute("dropped")) == "dropped"
