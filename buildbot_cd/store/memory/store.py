# SPDX-License-Identifier: GPL-2.0-only
"""The memory store and its transaction."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from buildbot_cd.core.landing.values import Snapshot
from buildbot_cd.store.errors import missing
from buildbot_cd.store.memory.durations import MemoryDurations
from buildbot_cd.store.memory.escapes import MemoryEscapes
from buildbot_cd.store.memory.gate import MemoryGates, MemoryLandings, MemoryPushes, MemorySlots
from buildbot_cd.store.memory.incidents import MemoryIncidents
from buildbot_cd.store.memory.learnt import MemoryLearnt
from buildbot_cd.store.memory.outbox import MemoryOutbox
from buildbot_cd.store.memory.rollouts import MemoryRollouts, MemoryVerdicts
from buildbot_cd.store.memory.runs import MemoryRuns
from buildbot_cd.store.memory.tables import Tables
from buildbot_cd.store.memory.trust import MemoryTrust

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.store.interface import Tx

T = TypeVar("T")


class MemoryTx:
    """See `interface.Tx`."""

    def __init__(self, tables: Tables) -> None:
        self.gates = MemoryGates(tables)
        self.landings = MemoryLandings(tables)
        self.pushes = MemoryPushes(tables)
        self.slots = MemorySlots(tables)
        self.outbox = MemoryOutbox(tables)
        self.runs = MemoryRuns(tables)
        self.durations = MemoryDurations(tables)
        self.learnt = MemoryLearnt(tables)
        self.rollouts = MemoryRollouts(tables)
        self.verdicts = MemoryVerdicts(tables)
        self.trust = MemoryTrust(tables)
        self.escapes = MemoryEscapes(tables)
        self.incidents = MemoryIncidents(tables)

    def snapshot(self, gate: str) -> Snapshot:
        """See `interface.Tx`."""
        found = self.gates.get(gate)
        if found is None:
            raise missing("gate", gate)
        landings = self.landings.open(gate)
        intents = (*self.outbox.of_landings([one.id for one in landings]), *self.outbox.for_gate_level(gate))
        return Snapshot(
            gate=found,
            slots=self.slots.holders(gate),
            landings=landings,
            intents={intent.key: intent for intent in intents},
            reverts=self.landings.reverted_since(gate, float("-inf")),
        )


class MemoryStore:
    """A store that forgets everything at its end; safe for threads."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._lock = threading.Lock()

    async def transact(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`; never really waits, so it needs no loop."""
        return self.transact_now(fn)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`."""
        return self.read_now(fn)

    def read_now(self, fn: Callable[[Tx], T]) -> T:
        """The same as a plain call; what ``fn`` writes all the same is lost."""
        with self._lock:
            return fn(MemoryTx(self._tables.copy()))

    def transact_now(self, fn: Callable[[Tx], T]) -> T:
        """The same as a plain call. A function that raises has worked on a copy that is thrown away."""
        with self._lock:
            working = self._tables.copy()
            result = fn(MemoryTx(working))
            self._tables = working
            return result
