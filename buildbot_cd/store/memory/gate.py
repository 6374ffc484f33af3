# SPDX-License-Identifier: GPL-2.0-only
"""Gates, landings and slots in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import TERMINAL, Gate, Landing, Reverted, Slot, State, Transition
from buildbot_cd.errors import StaleVersion, StoreError
from buildbot_cd.store.errors import SlotTaken, missing
from buildbot_cd.store.forms.gate import UNCOUNTED, changed_landing, first_line, new_landing, stored_gate, stored_push
from buildbot_cd.store.interface_gate import REVERTS_KEPT
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.core.landing.people import Push
    from buildbot_cd.store.memory.tables import Tables
    from buildbot_cd.store.wanted import Wanted


class MemoryGates:
    """See `interface_gate.Gates`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def get(self, name: str) -> Gate | None:
        return self._tables.gates.get(clean(name))

    def create(self, gate: Gate) -> Gate:
        fresh = replace(stored_gate(gate), version=0)
        if fresh.name in self._tables.gates:
            raise StoreError(f"there is a gate {fresh.name!r} already")
        self._tables.gates[fresh.name] = fresh
        return fresh

    def update(self, gate: Gate) -> Gate:
        changed = replace(stored_gate(gate), version=gate.version + 1)
        before = self._tables.gates.get(changed.name)
        if before is None:
            raise missing("gate", changed.name)
        if before.version != gate.version:
            raise StaleVersion(f"gate {changed.name} was changed by somebody else: read it again")
        self._tables.gates[changed.name] = changed
        return changed

    def all(self) -> tuple[Gate, ...]:
        return tuple(sorted(self._tables.gates.values(), key=lambda gate: gate.name))


class MemoryLandings:
    """See `interface_gate.Landings`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(
        self,
        gate: str,
        base: str,
        head: str,
        engineer: str,
        subject: str,
        message: str,
        at: float,
        priority: int = 0,
        *,
        patch: str = "",
        relands: int | None = None,
        emergency: str = "",
    ) -> Landing:
        known = self.by_head(gate, head)
        if known is not None:
            return known
        ident = len(self._tables.landings) + 1
        push = (gate, base, head, engineer, subject, message)
        fresh = new_landing(ident, push, at, priority, patch=patch, relands=relands, emergency=emergency)
        self._tables.landings[ident] = fresh
        self._record(first_line(fresh))
        return fresh

    def get(self, ident: int) -> Landing | None:
        return self._tables.landings.get(ident)

    def by_head(self, gate: str, sha: str) -> Landing | None:
        return next((one for one in self._of(gate) if one.head == clean(sha)), None)

    def open(self, gate: str) -> tuple[Landing, ...]:
        return tuple(one for one in self._of(gate) if one.state not in TERMINAL)

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Landing, ...]:
        older = [one for one in self._of(gate) if before_id is None or one.id < before_id]
        return tuple(reversed(older))[: max(0, limit)]

    def find(self, wanted: Wanted) -> tuple[tuple[Landing, ...], int]:
        return wanted.cut(list(self._tables.landings.values()), lambda row: row)

    def update(self, landing: Landing, actor: str, reason: str, at: float) -> Landing:
        before = self.get(landing.id)
        if before is None:
            raise missing("landing", landing.id)
        if before.version != landing.version:
            raise StaleVersion(f"landing {landing.id} was changed by somebody else: read it again")
        changed = changed_landing(before, landing)
        self._tables.landings[landing.id] = changed
        if changed.state is not before.state:
            seq = len(self.transitions(landing.id)) + 1
            self._record(Transition(landing.id, seq, before.state, changed.state, at, clean(actor), clean(reason)))
        return changed

    def transitions(self, ident: int) -> tuple[Transition, ...]:
        return tuple(line for (landing, _), line in self._tables.transitions.items() if landing == ident)

    def histories(self, idents: Iterable[int]) -> dict[int, tuple[Transition, ...]]:
        found = {ident: self.transitions(ident) for ident in idents}
        return {ident: lines for ident, lines in found.items() if lines}

    def taken_back(self, gate: str, patch: str, commits: Iterable[str]) -> Landing | None:
        heads = {clean(one) for one in commits}
        for one in reversed(self._of(gate)):
            if one.state is State.REVERTED and ((patch and one.patch == clean(patch)) or one.head in heads):
                return one
        return None

    def reverted_since(self, gate: str, at: float) -> tuple[Reverted, ...]:
        times = [
            Reverted(one.since, one.engineer)
            for one in self._of(gate)
            if one.state is State.REVERTED and one.since > at and one.revert_kind not in UNCOUNTED and one.cause is None
        ]
        return tuple(sorted(times)[-REVERTS_KEPT:])

    def _of(self, gate: str) -> list[Landing]:
        return [one for one in self._tables.landings.values() if one.gate == clean(gate)]

    def _record(self, line: Transition) -> None:
        self._tables.transitions[line.landing, line.seq] = line


class MemoryPushes:
    """See `interface_gate.Pushes`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def record(self, gate: str, push: Push, at: float) -> bool:  # noqa: ARG002 - nothing here shows the time
        told = stored_push(push)
        key = (as_key(gate, "gate"), told.head)
        if key in self._tables.pushes:
            return False
        self._tables.pushes[key] = told
        return True

    def of_heads(self, gate: str, heads: Iterable[str]) -> tuple[Push, ...]:
        found = (self._tables.pushes.get((clean(gate), clean(one))) for one in heads)
        return tuple(one for one in found if one is not None)


class MemorySlots:
    """See `interface_gate.Slots`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def holders(self, gate: str) -> dict[Slot, int]:
        return {slot: landing for slot, (landing, _) in self.held(gate).items()}

    def held(self, gate: str) -> dict[Slot, tuple[int, float]]:
        return {slot: held for (name, slot), held in self._tables.slots.items() if name == clean(gate)}

    def take(self, gate: str, slot: Slot, landing: int, at: float) -> None:
        name = as_key(gate, "gate")
        if (name, slot) in self._tables.slots:
            raise SlotTaken(f"the {slot.value} slot of {name} is held: landing {landing} has to wait")
        self._tables.slots[name, slot] = (landing, at)

    def free(self, gate: str, slot: Slot, landing: int) -> bool:
        held = self._tables.slots.get((clean(gate), slot))
        if held is None or held[0] != landing:
            return False
        del self._tables.slots[clean(gate), slot]
        return True
