# SPDX-License-Identifier: GPL-2.0-only
"""The memory store with a place to stop before and after each transaction, and somebody who watches each commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from buildbot_cd.core.landing.values import Gate, Intent, Landing, Slot
from buildbot_cd.store.memory.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.memory.tables import Tables

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """All rows of one gate between two transactions."""

    gate: Gate
    slots: Mapping[Slot, int]
    landings: Mapping[int, Landing]
    intents: Mapping[str, Intent]


class Stop:
    """Awaiting it lets the driver go on, stop here for a while, or kill the master."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __await__(self) -> Generator[str, None, None]:
        yield self.where


class WatchedStore(MemoryStore):
    """A memory store for one gate; ``watch(before, after)`` is called after each commit that changed something."""

    def __init__(self, name: str, watch: Callable[[View, View], None]) -> None:
        super().__init__()
        self._name, self._watch = name, watch

    async def transact(self, fn: Callable[[Tx], T]) -> T:
        """As the other stores, with a stop on either side."""
        await Stop("before a transaction")
        result = self.transact_now(fn)
        await Stop("after a transaction")
        return result

    def transact_now(self, fn: Callable[[Tx], T]) -> T:
        """As the memory store's; nobody waits here."""
        before = self._tables
        result = super().transact_now(fn)
        if self._name in before.gates:
            self._watch(self._view(before), self.view())
        return result

    def view(self) -> View:
        """All rows as they are now."""
        return self._view(self._tables)

    def _view(self, tables: Tables) -> View:
        slots = {slot: landing for (gate, slot), (landing, _) in tables.slots.items() if gate == self._name}
        return View(tables.gates[self._name], slots, tables.landings, tables.intents)


def finish(work: Generator[Any, None, T] | Any) -> T:
    """Run a coroutine to its end without stopping anywhere."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
