# SPDX-License-Identifier: GPL-2.0-only
"""The backstop: what the gate left out runs when nobody needs the workers, and what fails there finds its landing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.backstop import Aged, stalest
from buildbot_cd.core.dispatch import Estimate
from buildbot_cd.core.landing.values import EffectKind
from buildbot_cd.engine import backstop_runs, escapes, incidents
from buildbot_cd.engine.escapes import Search, revision_of
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.rows import EscapeState, PlannedTest, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.values import Gate, Landing
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Escape, Run

KINDS = ("backstop", "rolling")
BUSY = frozenset({EffectKind.CHECKS, EffectKind.CONFIRM})
"""While one of these goes on, the workers are not idle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``full``: seconds from one run of everything to the next; ``rolling``: seconds of stale tests for each worker.

    0 turns either off.
    """

    full: float
    rolling: float
    search: Search


@dataclass(frozen=True, slots=True)
class Culprit:
    """What a step needs to say what would have told: the test, and the landing that broke it."""

    test: str
    landing: Landing


class Backstop:
    """Runs and escapes of one gate; see the module. `advance` may be called at any time, by any master."""

    def __init__(
        self,
        store: Store,
        gate: str,
        plan: Plan | None,
        now: Callable[[], float],
        changed: Callable[[Escape], None],
        opened: Callable[[Incident], None],
    ) -> None:
        self.store, self.gate, self.plan, self.now = store, gate, plan, now
        self.changed, self.opened = changed, opened

    async def advance(self) -> bool:
        """Do what is to be done next; True if anything was."""
        plan = self.plan
        if plan is None:
            return False
        moved: list[Escape] = []
        opened: list[Incident] = []

        def work(tx: Tx) -> bool:
            moved.clear()
            did = self._work(tx, plan, moved, self.now())
            opened[:] = self._incidents(tx, moved)
            return did

        try:
            did = await self.store.transact(work)
        except StaleVersion:
            return True  # another master was faster
        for escape in moved:
            self.changed(escape)
        for incident in opened:
            self.opened(incident)
        return did

    def _incidents(self, tx: Tx, moved: list[Escape]) -> list[Incident]:
        """What got past the gate is something to learn from, as soon as its landing is known."""
        blamed = [(one, one.culprit) for one in moved if one.culprit is not None]
        made = [incidents.escaped(tx, self.gate, one.id, one.test, culprit, self.now()) for one, culprit in blamed]
        return [one for one in made if one is not None]

    def _work(self, tx: Tx, plan: Plan, moved: list[Escape], now: float) -> bool:
        gate = tx.gates.get(self.gate)
        if gate is None or gate.tested is None:
            return False
        did = self._runs(tx, gate, plan, moved, now)
        for escape in tx.escapes.open(self.gate):
            for run in self._probes(tx, escape):
                did |= backstop_runs.move(tx, gate, run, plan.search.pool, plan.search.trunk, now)
            after = escapes.move(tx, gate, escape, plan.search, now)
            moved += [after] if after is not None else []
        return self._begin(tx, gate, plan, now) or did or bool(moved)

    def _probes(self, tx: Tx, escape: Escape) -> list[Run]:
        found = [tx.runs.get(run) for _, run, word in escape.probes if word is None]
        return [run for run in found if run is not None]

    def _runs(self, tx: Tx, gate: Gate, plan: Plan, moved: list[Escape], now: float) -> bool:
        """Move the runs along; what failed in one that ends becomes escapes."""
        did = False
        for kind in KINDS:
            run = tx.runs.newest(self.gate, kind)
            if run is None or not backstop_runs.move(tx, gate, run, plan.search.pool, plan.search.trunk, now):
                continue
            did = True
            ended = tx.runs.get(run.id)
            moved += escapes.escaped(tx, gate, ended, now) if ended is not None else []
            self._forget_missing(tx, run, now)
        return did

    def _forget_missing(self, tx: Tx, run: Run, now: float) -> None:
        """A test that is not there any more is as good as seen: otherwise it would be the stalest for ever."""
        gone = [one.nid for one in tx.runs.tests(run.id) if one.outcome == "missing"]
        if gone:
            tx.durations.put(self.gate, tx.durations.get(self.gate, gone), (now, run.revision))

    def _begin(self, tx: Tx, gate: Gate, plan: Plan, now: float) -> bool:
        """Begin a run if one is due and nobody needs the workers."""
        last = {kind: tx.runs.newest(self.gate, kind) for kind in KINDS}
        if any(run is not None and run.state is not RunState.DONE for run in last.values()):
            return False
        if any(one.kind in BUSY for one in tx.outbox.unfinished(self.gate)) or tx.escapes.open(self.gate):
            return False
        revision, full = str(gate.tested), last["backstop"]
        if plan.full and (full is None or now - full.created_at >= plan.full):
            backstop_runs.begin_full(tx, gate, revision, plan.search.trunk, now)
            return True
        rolling = last["rolling"]
        rested = rolling is None or now - rolling.created_at >= plan.rolling
        chosen = self._stale(tx, revision, plan, now) if plan.rolling and rested else []
        if not chosen:
            return False
        backstop_runs.begin_these(tx, gate, "rolling", revision, chosen, "idle workers run what is stale", now)
        return True

    def _stale(self, tx: Tx, revision: str, plan: Plan, now: float) -> list[PlannedTest]:
        """The stalest tests; what has passed, or is known to fail, since trunk stands here is not stale."""
        ages = tx.durations.ages(self.gate)
        since = _since(tx, self.gate, revision)
        known = {one.test for one in tx.escapes.recent(self.gate, 100) if one.found_at >= since}
        known |= {one.test for one in tx.trust.quarantined(self.gate, now)}
        old = {nid: at for nid, (at, seen) in ages.items() if seen != revision and at < since and nid not in known}
        rows = tx.durations.get(self.gate) if old else {}
        seconds = {nid: Estimate.from_row(rows[nid]).seconds for nid in old}
        aged = [Aged(nid, seconds[nid], at) for nid, at in old.items()]
        chosen = stalest(aged, now, plan.rolling * len(plan.search.pool))
        return [PlannedTest(nid, seconds[nid], seconds[nid]) for nid in chosen]

    # -- for the step that explains

    async def culprit(self, ident: int) -> Culprit | None:
        """The escape's test and landing; None if there is nothing to explain any more."""

        def read(tx: Tx) -> Culprit | None:
            escape = tx.escapes.get(ident)
            if escape is None or escape.state is not EscapeState.EXPLAINING or escape.culprit is None:
                return None
            landing = tx.landings.get(escape.culprit)
            return None if landing is None else Culprit(escape.test, landing)

        return await self.store.read(read)

    async def explained(self, ident: int, reason: str, told: Mapping[str, Any]) -> bool:
        """What would have told; False if the escape did not wait for it any more."""

        def write(tx: Tx) -> Escape | None:
            escape = tx.escapes.get(ident)
            if escape is None or escape.state is not EscapeState.EXPLAINING:
                return None
            words, now = {**escape.told, **told}, self.now()
            ended = replace(escape, state=EscapeState.FOUND, reason=reason, told=words, ended_at=now)
            gate = tx.gates.get(self.gate)
            if gate is not None:
                escapes.told_of(tx, gate, ended, now)
            return tx.escapes.update(ended)

        found = await self.store.transact(write)
        if found is not None:
            self.changed(found)
        return found is not None


def _since(tx: Tx, gate: str, revision: str) -> float:
    """When trunk came to stand here: what ran later ran on it, or on something newer."""
    found = [one.since for one in tx.landings.recent(gate, 50) if revision_of(one) == revision]
    return found[0] if found else 0.0
