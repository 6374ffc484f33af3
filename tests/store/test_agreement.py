# SPDX-License-Identifier: GPL-2.0-only
"""The same random operations go to the memory store and to the SQL store, and every answer must be the same:
gates, landings, slots and the outbox.
"""
# ruff: noqa: D102 - a rule of the machine is told by its name and its body

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import rule

from buildbot_cd.core.landing.values import Effect, EffectKind, Freeze, Gate, Mode, Slot, State
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.wanted import Wanted
from tests.store.agreement import GATES, IDS, JSON, KEYS, SHAS, TEXTS, TIMES, WANTED, Abandoned, Agreement, agree

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.store import Tx


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
            changed = replace(gate, trunk=trunk, pushed=why, mode_until=until, min_priority=gate.epoch, beneath=frozen)
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


@pytest.mark.parametrize("part", [GateAgreement, OutboxAgreement])
def test_both_stores_agree(engine: sa.Engine, part: type[Agreement]) -> None:
    """Whatever is done, the memory store and the database give the same answers and raise the same errors."""
    agree(engine, part)


def test_memory_store_gives_copies() -> None:
    """A caller who changes a payload that it was given changes nothing in the memory store."""
    store = MemoryStore()
    intent = store.transact_now(lambda tx: tx.outbox.put("g", None, Effect(EffectKind.MARK, "k", {"a": [1]}), 0, 1.0))
    intent.payload["a"].append(2)
    found = store.transact_now(lambda tx: tx.outbox.get("k"))
    assert found is not None
    assert found.payload == {"a": [1]}
