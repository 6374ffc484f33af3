# SPDX-License-Identifier: GPL-2.0-only
"""What many runs together tell of a gate's tests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from buildbot_cd.core.dispatch import Estimate
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.trust import Quarantine
from buildbot_cd.core.landing.values import Gate
from buildbot_cd.core.selection.budget import Catch
from buildbot_cd.engine import views
from buildbot_cd.store import EngineStore, MemoryStore, upgrade
from buildbot_cd.store.rows import EscapeState, PlannedTest, TestResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from buildbot_cd.store import Tx

NOW = 10_000_000.0
DAY = 86_400.0


def lens(budget: float | None = 30.0) -> views.Lens:
    """One that remembers nothing of other tests."""
    return views.Lens(Policy(), NOW, budget)


def ran(
    tx: Tx, key: str, took: dict[str, tuple[str, float]], left_out: tuple[str, ...] = (), kind: str = "gate"
) -> int:
    """A finished run with these outcomes and seconds."""
    run = tx.runs.create(key, "shop", None, kind, "h", NOW - 100)
    told = {"chosen": [[nid, ["why"]] for nid in took], "left_out": [[nid, "no tag"] for nid in left_out]}
    tx.runs.plan(run.id, [PlannedTest(nid, seconds) for nid, (_, seconds) in took.items()], told, 1.0, NOW - 90)
    results = [TestResult(nid, outcome, seconds) for nid, (outcome, seconds) in took.items()]
    tx.runs.report(run.id, "w1", results, NOW - 80 + run.id)
    tx.runs.finish(run.id, NOW - 70)
    return run.id


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore | EngineStore]:
    """Both stores, with one gate."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.sqlite", poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)
    made = MemoryStore() if request.param == "memory" else EngineStore(engine)
    made.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    yield made
    engine.dispose()


def learn(tx: Tx) -> None:
    """Two runs of the gate and one of the backstop, flakes, a quarantine, a map, and three failures of the past."""
    ran(tx, "1", {"p:a::x": ("passed", 20.0), "p:a::gone": ("failed", 1.0)})
    ran(tx, "2", {"p:a::x": ("failed", 20.0), "p:a::y": ("passed", 4.0)}, ("p:a::never",))
    ran(tx, "3", {"p:a::never": ("passed", 2.0)}, kind="backstop")
    tx.durations.put("shop", {"p:a::x": Estimate(9.9, 0.0, 4).to_row()}, (NOW - 50, "h"))
    tx.durations.put("shop", {"p:a::never": Estimate(7.6, 0.0, 1).to_row()}, (NOW - 9 * DAY, "h"))
    tx.trust.flaked("shop", "p:a::x", 7, NOW - DAY)
    tx.trust.flaked("shop", "p:a::y", 3, NOW - 40 * DAY)
    tx.trust.quarantine("shop", Quarantine("p:a::x", "ada", "flaky", "ada", NOW, NOW + DAY))
    tx.learnt.put_map("shop", {"p:a": b"1234", "p:a::x": b"1234"}, NOW - 2 * DAY)
    tx.learnt.put_map("shop", {"p:a::y": b"1234"}, NOW - DAY)
    for run, needed in ((1, 50.0), (2, 200.0), (3, 9000.0)):
        tx.learnt.caught("shop", Catch(run, NOW - DAY, needed, 9000.0))


def test_what_escapes_propose_is_listed_once(store: MemoryStore | EngineStore) -> None:
    """By rule, with all that it would have prevented; escapes without a rule propose nothing."""

    def escape(tx: Tx) -> None:
        run = ran(tx, "1", {"t1": ("failed", 1.0)}, kind="backstop")
        for number, (rule, patch) in enumerate((("a", "1"), ("b", "2"), ("", ""), ("b", "4"))):
            made = tx.escapes.add("shop", f"t{number}", run, NOW + number, "0", [7, 8])
            told = {"rule": rule, "patch": patch, "missing_tag": "tax"}
            tx.escapes.update(replace(made, state=EscapeState.FOUND, culprit=7, told=told))

    store.transact_now(escape)
    rows = store.read_now(lambda tx: views.proposals_view(tx, "shop", lens()))
    assert rows is not None
    assert [(one["rule"], one["patch"], one["tests"], one["landings"]) for one in rows] == [
        ("b", "4", ["t1", "t3"], [7]),
        ("a", "1", ["t0"], [7]),
    ]
    assert (len(rows[0]["escapes"]), rows[0]["found_at"], rows[0]["missing_tag"]) == (2, NOW + 3, "tax")
    assert store.read_now(lambda tx: views.proposals_view(tx, "other", lens())) is None


def test_each_test_of_the_newest_plan_with_what_is_known_of_it(store: MemoryStore | EngineStore) -> None:
    """Tests that are gone are left out; those that no run of the gate selected stay, however often others ran them."""
    store.transact_now(learn)
    rows = store.read_now(lambda tx: views.suite_view(tx, "shop", lens()))
    assert rows is not None
    found: dict[str, dict[str, Any]] = {one["nid"]: one for one in rows}
    assert list(found) == ["p:a::never", "p:a::x", "p:a::y"]
    x, y, never = found["p:a::x"], found["p:a::y"], found["p:a::never"]
    assert (x["selected"], x["failed"], x["ended_at"], x["passed_at"]) == (2, 1, NOW - 78, NOW - 50)
    assert (x["flakes"], x["flake_rate"], x["quarantined_until"]) == (1, 0.25, NOW + DAY)
    assert x["seconds"] == pytest.approx(19.93, abs=0.01)
    assert (y["selected"], y["failed"], y["flakes"], y["seconds"], y["passed_at"]) == (1, 0, 0, None, None)
    assert (never["selected"], never["ended_at"], never["passed_at"]) == (0, None, NOW - 9 * DAY)
    assert [one["mapped_at"] for one in rows] == [None, NOW - 2 * DAY, NOW - DAY]
    json.dumps(rows, allow_nan=False)


def test_what_was_learnt_of_all_of_them(store: MemoryStore | EngineStore) -> None:
    """The map's age counts tests, not the files that they are in; the curve grows with the minutes."""
    store.transact_now(learn)
    told = store.read_now(lambda tx: views.learnt_view(tx, "shop", lens()))
    assert told is not None
    assert (told["tests"], told["never"], told["flaky"], told["runs"]) == (3, 1, 1, 2)
    assert (told["mapped"], told["oldest"], told["median"]) == (2, NOW - 2 * DAY, NOW - DAY)
    shares = {one["seconds"]: one["share"] for one in told["curve"]}
    assert (told["failures"], shares[30.0], shares[60.0], shares[720.0]) == (3, 0.0, 1 / 3, 2 / 3)


def test_how_many_workers_are_enough(store: MemoryStore | EngineStore) -> None:
    """Today's number is tried too; a test that is longer than the budget is named, and no number is enough."""
    took = {f"p:a::{number}": ("passed", 10.0) for number in range(40)}

    def fill(tx: Tx) -> None:
        for number in range(3):
            ran(tx, str(number), {**took, "p:a::long": ("passed", 60.0)})

    store.transact_now(fill)
    told = store.read_now(lambda tx: views.capacity_view(tx, "shop", lens(130.0)))
    assert told is not None
    assert (told["workers"], told["today"], told["runs"], told["split"]) == (4, 1, 3, [])
    late = {one["workers"]: one["p95"] for one in told["tried"]}
    assert late[4] <= 130.0 < late[3] < late[1]
    short = store.read_now(lambda tx: views.capacity_view(tx, "shop", lens(50.0)))
    assert short is not None
    assert (short["workers"], short["split"]) == (None, [{"nid": "p:a::long", "seconds": 60.0, "gain": 30.0}])
    json.dumps([told, short], allow_nan=False)


def test_a_gate_without_runs_and_one_that_there_is_not(store: MemoryStore | EngineStore) -> None:
    """Nothing is known of the first; the second is None, which becomes 404."""
    assert store.read_now(lambda tx: views.suite_view(tx, "shop", lens())) == []
    told = store.read_now(lambda tx: views.learnt_view(tx, "shop", lens()))
    capacity = store.read_now(lambda tx: views.capacity_view(tx, "shop", lens(None)))
    assert told is not None
    assert capacity is not None
    assert (told["tests"], told["failures"], told["curve"][0]["share"], told["oldest"]) == (0, 0, None, None)
    assert (capacity["runs"], capacity["budget"], capacity["workers"], capacity["tried"]) == (0, 720.0, None, [])
    assert store.read_now(lambda tx: views.suite_view(tx, "other", lens())) is None
    assert store.read_now(lambda tx: views.learnt_view(tx, "other", lens())) is None
    assert store.read_now(lambda tx: views.capacity_view(tx, "other", lens())) is None
