# SPDX-License-Identifier: GPL-2.0-only
"""The outbox in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import Effect, Intent, IntentState
from buildbot_cd.store.forms.gate import new_intent
from buildbot_cd.store.interface_gate import FINISHED_KEPT
from buildbot_cd.store.text import as_stored, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from buildbot_cd.store.memory.tables import Tables

_UNFINISHED = frozenset({IntentState.PENDING, IntentState.STARTED})


class MemoryOutbox:
    """See `interface_gate.Outbox`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def put(self, gate: str, landing: int | None, effect: Effect, epoch: int, at: float) -> Intent:
        known = self.get(effect.key)
        if known is not None:
            return known
        fresh = new_intent(gate, landing, effect, epoch, at)
        self._tables.intents[fresh.key] = fresh
        return _copy(fresh)

    def get(self, key: str) -> Intent | None:
        # Copies go out, as from a database: the payload is a dict that a caller might change.
        return _copied(self._tables.intents.get(clean(key)))

    def unfinished(self, gate: str | None = None) -> tuple[Intent, ...]:
        return self._where(lambda one: one.state in _UNFINISHED and (gate is None or one.gate == clean(gate)))

    def of_landings(self, ids: Iterable[int]) -> tuple[Intent, ...]:
        wanted = set(ids)
        return self._where(lambda one: one.landing in wanted)

    def for_gate_level(self, gate: str) -> tuple[Intent, ...]:
        own = self._where(lambda one: one.landing is None and one.gate == clean(gate))
        ended = [one for one in own if one.state not in _UNFINISHED]
        return (*(one for one in own if one.state in _UNFINISHED), *ended[-FINISHED_KEPT:])

    def start(self, key: str, at: float, ref: str | None = None) -> bool:
        def started(one: Intent) -> Intent:
            first = at if one.started_at is None else one.started_at
            kept = one.ref if ref is None else clean(ref)
            return replace(one, state=IntentState.STARTED, started_at=first, ref=kept)

        return self._move(key, started)

    def set_ref(self, key: str, ref: str) -> bool:
        return self._move(key, lambda one: replace(one, ref=clean(ref)))

    def finish(self, key: str, result: Mapping[str, Any], at: float) -> bool:  # noqa: ARG002 - nothing shows the time
        stored = as_stored(result)
        return self._move(key, lambda one: replace(one, state=IntentState.DONE, result=stored))

    def drop(self, key: str, at: float) -> bool:  # noqa: ARG002 - nothing shows the time
        return self._move(key, lambda one: replace(one, state=IntentState.DROPPED))

    def _move(self, key: str, change: Callable[[Intent], Intent]) -> bool:
        found = self._tables.intents.get(clean(key))
        if found is None or found.state not in _UNFINISHED:
            return False
        self._tables.intents[found.key] = change(found)
        return True

    def _where(self, wanted: Callable[[Intent], bool]) -> tuple[Intent, ...]:
        return tuple(_copy(one) for one in self._tables.intents.values() if wanted(one))


def _copied(intent: Intent | None) -> Intent | None:
    return None if intent is None else _copy(intent)


def _copy(intent: Intent) -> Intent:
    result = None if intent.result is None else _json(intent.result)
    return replace(intent, payload=_json(intent.payload), result=result)


def _json(value: Any) -> Any:
    """A copy of a JSON value, several times as fast as `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items()}
    return [_json(one) for one in value] if isinstance(value, list) else value
