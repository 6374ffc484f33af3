# SPDX-License-Identifier: GPL-2.0-only
"""What is told on the message queue, and that it is written before it is told."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet import defer, task

from buildbot_cd.core.landing.moves import Move
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Landing, State
from buildbot_cd.engine.apply import Applied, answer
from buildbot_cd.engine.events import WATCHES_KEPT, Events
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import HostRow, PlannedTest, Rollout, RolloutState


class Queue:
    """The master's message queue: keeps what was produced."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def produce(self, key: tuple[str, ...], body: dict[str, Any]) -> None:
        """As Buildbot's own."""
        self.told.append(("/".join(key), body))


@pytest.fixture
def world() -> Any:
    """Events over a clock, a queue and a memory store with one gate and one rollout of 40 hosts."""
    clock, queue, store = task.Clock(), Queue(), MemoryStore()
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    rollout = store.transact_now(lambda tx: tx.rollouts.create("k", "shop", None, "r2", "h", 1, {}, 1.0))
    events = Events(SimpleNamespace(reactor=clock, mq=queue), store)  # type: ignore[arg-type]
    return SimpleNamespace(clock=clock, told=queue.told, store=store, events=events, rollout=rollout)


def row(number: int, phase: str = "switched") -> HostRow:
    """A host that was told to carry r2."""
    return HostRow(1, f"web-{number:02}", "web", "canary", "r2", "r2", "r1", phase, at=5.0)


def test_hosts_of_one_moment_are_one_event_and_written_before_it(world: Any) -> None:
    """Forty hosts, each heard of twice: one event with the last of each, which the database has by then."""
    for phase in ("switched", "healthy"):
        for number in range(40):
            world.events.host_heard(world.rollout, row(number, phase))
    assert world.told == []
    world.clock.pump([0.05] * 8)
    ((key, body),) = world.told
    assert key == "cd/rollouts/1/hosts"
    assert body["columns"][-1] == "error"
    assert len(body["rows"]) == 40
    assert {one[body["columns"].index("mark")] for one in body["rows"]} == {"new"}
    written = world.store.read_now(lambda tx: tx.rollouts.hosts(1))
    assert [one.phase for one in written] == ["healthy"] * 40


def test_settled_writes_what_was_heard(world: Any) -> None:
    """Whoever writes hosts afterwards has the last word."""
    world.events.host_heard(world.rollout, row(1))
    done = defer.ensureDeferred(world.events.settled())
    world.clock.advance(0)
    assert done.called
    assert len(world.store.read_now(lambda tx: tx.rollouts.hosts(1))) == 1


def test_a_run_is_told_with_its_counts_a_few_times_a_second(world: Any) -> None:
    """Many reports of one moment are one event."""
    world.store.transact_now(lambda tx: tx.runs.create("k", "shop", 7, "gate", "h", 1.0))
    world.store.transact_now(lambda tx: tx.runs.plan(1, [PlannedTest("a"), PlannedTest("b")], {}, None, 2.0))
    for _ in range(30):
        world.events.run_changed(1)
    world.events.run_changed(99)
    world.clock.pump([0.05] * 8)
    counts = {"waiting": 2, "claimed": 0, "done": 0, "failed": 0, "total": 2}
    assert world.told == [("cd/runs/1/updated", {"run": 1, "landing": 7, "state": "running", "counts": counts})]


def test_a_move_is_told_with_the_landings_as_they_are_stored(world: Any) -> None:
    """The version in an event is the one that an order has to expect; the long message stays out."""
    landing = Landing(3, "shop", "b", "h", "ada", "s", State.TESTING, message="m" * 1000, version=4)
    world.events.moved("shop", Applied(Move("its checks run"), (), (landing,)))
    (key, told), (gate_key, gate) = world.told
    assert (key, told["version"], told["state"], told["message"]) == ("cd/landings/3/testing", 4, "testing", "")
    assert (gate_key, gate) == (
        "cd/gates/shop/moved",
        {"gate": "shop", "reason": "its checks run", "actor": "gate", "landings": [3]},
    )


def test_an_observation_says_which_landings_are_new(world: Any) -> None:
    """What was taken in with an answer is given to whoever tells it."""
    commit = {"sha": "c1", "parent": "c0", "committer_email": "ada@example.org", "subject": "s", "message": "m"}

    def prepare(tx: Any) -> None:
        gate = tx.gates.get("shop")
        tx.gates.update(replace(gate, trunk="c0", tested="c0", live="c0"))
        tx.outbox.put("shop", None, Effect(EffectKind.OBSERVE, "look"), 0, 1.0)

    world.store.transact_now(prepare)
    found = world.store.transact_now(answer("shop", "look", {"tip": "c1", "commits": [commit]}, 2.0))
    assert found.counted
    assert [(one.id, one.head, one.state) for one in found.applied.landings] == [(1, "c1", State.QUEUED)]
    again = world.store.transact_now(answer("shop", "look", {"tip": "c1", "commits": [commit]}, 3.0))
    assert (again.counted, again.applied) == (False, None)


def test_looks_of_the_last_rollouts_are_kept(world: Any) -> None:
    """A page that opens during a watch sees it from its beginning; what is over goes, the oldest first."""
    for rollout in range(1, WATCHES_KEPT + 2):
        world.events.look(rollout, {"number": 1})
        world.events.look(rollout, {"number": 2})
    assert world.events.looks(1) == []
    assert [one["number"] for one in world.events.looks(WATCHES_KEPT + 1)] == [1, 2]
    assert world.told[0] == ("cd/rollouts/1/look", {"rollout": 1, "number": 1})


def test_a_rollout_is_told_by_its_state(world: Any) -> None:
    """The key says the state, and the version is the stored one."""
    moved: Rollout = replace(world.rollout, state=RolloutState.WATCHING, stage="canary", version=3)
    world.events.rollout_changed(moved)
    ((key, body),) = world.told
    assert (key, body["stage"], body["open"], body["version"]) == ("cd/rollouts/1/watching", "canary", True, 3)
