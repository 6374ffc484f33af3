# SPDX-License-Identifier: GPL-2.0-only
"""Rollouts, their hosts, and verdicts in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.rollouts import changed_rollout, new_rollout, new_verdict, stored_host
from buildbot_cd.store.rows import AlikeHosts, HostRow, Rollout, Verdict
from buildbot_cd.store.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.store.memory.tables import Tables
    from buildbot_cd.store.wanted import Wanted


class MemoryRollouts:
    """See `interface_work.Rollouts`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def create(
        self,
        key: str,
        gate: str,
        landing: int | None,
        release: str,
        candidate: str,
        seed: int,
        plan: Mapping[str, Any],
        at: float,
        baseline: Mapping[str, Any] | None = None,
    ) -> Rollout:
        known = self.by_key(key)
        if known is not None:
            return known
        ident, last = len(self._tables.rollouts) + 1, self.latest(gate)
        fence = 1 if last is None else last.fence + 1
        fresh = new_rollout(
            Rollout(ident, key, gate, landing, release, candidate, fence, seed, at, plan, baseline or {})
        )
        self._tables.rollouts[ident] = fresh
        return deepcopy(fresh)

    def get(self, ident: int) -> Rollout | None:
        return deepcopy(self._tables.rollouts.get(ident))

    def by_key(self, key: str) -> Rollout | None:
        return next((deepcopy(one) for one in self._tables.rollouts.values() if one.key == clean(key)), None)

    def update(self, rollout: Rollout) -> Rollout:
        before = self._tables.rollouts.get(rollout.id)
        if before is None:
            raise missing("rollout", rollout.id)
        if before.version != rollout.version:
            raise StaleVersion(f"rollout {rollout.id} was changed by somebody else: read it again")
        changed = changed_rollout(before, rollout)
        self._tables.rollouts[rollout.id] = changed
        return deepcopy(changed)

    def latest(self, gate: str) -> Rollout | None:
        return next(iter(self.recent(gate, 1)), None)

    def for_landing(self, landing: int) -> tuple[Rollout, ...]:
        return tuple(deepcopy(one) for one in self._tables.rollouts.values() if one.landing == landing)

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Rollout, ...]:
        own = [one for one in self._tables.rollouts.values() if one.gate == clean(gate)]
        older = [one for one in own if before_id is None or one.id < before_id]
        return tuple(deepcopy(one) for one in list(reversed(older))[: max(0, limit)])

    def find(self, wanted: Wanted) -> tuple[tuple[Rollout, ...], int]:
        return wanted.cut(list(self._tables.rollouts.values()), deepcopy)

    def hosts(self, ident: int) -> tuple[HostRow, ...]:
        rows = [row for (rollout, _), row in self._tables.hosts.items() if rollout == ident]
        return tuple(sorted(rows, key=lambda row: row.host))

    def alike(self, ident: int) -> frozenset[AlikeHosts]:
        numbers = Counter((row.desired, row.observed, row.phase) for row in self.hosts(ident))
        return frozenset(AlikeHosts(*how, number) for how, number in numbers.items())

    def put_hosts(self, ident: int, rows: Iterable[HostRow]) -> None:
        if ident not in self._tables.rollouts:
            raise missing("rollout", ident)
        for row in [stored_host(ident, one) for one in rows]:
            self._tables.hosts[ident, row.host] = row


class MemoryVerdicts:
    """See `interface_work.Verdicts`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def add(self, rollout: int, stage: str, at: float, kind: str, reason: str, evidence: Mapping[str, Any]) -> int:
        fresh = new_verdict(len(self._tables.verdicts) + 1, rollout, stage, at, kind, reason, evidence)
        self._tables.verdicts[fresh.id] = fresh
        return fresh.id

    def of_rollout(self, rollout: int) -> tuple[Verdict, ...]:
        return tuple(deepcopy(one) for one in self._tables.verdicts.values() if one.rollout == rollout)
