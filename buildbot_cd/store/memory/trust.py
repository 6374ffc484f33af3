# SPDX-License-Identifier: GPL-2.0-only
"""Flakes, quarantines and wrong reverts in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.trust import JUDGED, Flakiness, Quarantine, Reverts
from buildbot_cd.core.landing.values import State
from buildbot_cd.store.forms.trust import in_order, stored_quarantine
from buildbot_cd.store.text import as_key, clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.store.memory.tables import Tables


class MemoryTrust:
    """See `interface_trust.Trust`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def flaked(self, gate: str, test: str, landing: int, at: float) -> bool:
        key = (as_key(gate, "gate"), as_key(test, "test"), landing)
        if key in self._tables.flakes:
            return False
        self._tables.flakes[key] = at
        return True

    def flakes(self, gate: str, since: float) -> tuple[Flakiness, ...]:
        times: dict[str, list[float]] = {}
        for (name, test, _), at in self._tables.flakes.items():
            if name == clean(gate) and at > since:
                times.setdefault(test, []).append(at)
        runs = {test: self._tables.durations.get((clean(gate), test), (0.0, 0.0, 0.0))[0] for test in times}
        return in_order(Flakiness(test, len(ats), runs[test], min(ats), max(ats)) for test, ats in times.items())

    def quarantine(self, gate: str, order: Quarantine) -> None:
        stored = stored_quarantine(order)
        self._tables.quarantines[as_key(gate, "gate"), stored.test] = stored

    def release(self, gate: str, test: str) -> bool:
        return self._tables.quarantines.pop((clean(gate), clean(test)), None) is not None

    def quarantined(self, gate: str, now: float) -> tuple[Quarantine, ...]:
        found = [one for (name, _), one in self._tables.quarantines.items() if name == clean(gate) and one.until > now]
        return tuple(sorted(found, key=lambda one: one.test))

    def note_stressed(self, gate: str, tests: Iterable[str], landing: int, rounds: int, at: float) -> None:
        for test in tests:
            self._tables.stressed.setdefault((as_key(gate, "gate"), as_key(test, "test")), (landing, rounds, at))

    def unstressed(self, gate: str, tests: Iterable[str]) -> frozenset[str] | None:
        known = {test for name, test in self._tables.stressed if name == clean(gate)}
        return frozenset(one for one in tests if as_key(one, "test") not in known) if known else None

    def call_wrong(self, landing: int, by: str, reason: str, at: float) -> bool:
        if landing in self._tables.wrong_reverts:
            return False
        self._tables.wrong_reverts[landing] = (clean(by), clean(reason), at)
        return True

    def called_wrong(self, landing: int) -> bool:
        return landing in self._tables.wrong_reverts

    def reverts(self, gate: str, since: float) -> Reverts:
        found = [
            one.id
            for one in self._tables.landings.values()
            if one.gate == clean(gate)
            and one.state is State.REVERTED
            and one.since > since
            and one.revert_kind in JUDGED
        ]
        return Reverts(len(found), sum(1 for ident in found if ident in self._tables.wrong_reverts))
