# SPDX-License-Identifier: GPL-2.0-only
"""Events on the master's message queue, in the form of Buildbot's own data API: ``cd/landings/<id>/<state>``.

docs/reference/data-api.md has all keys and messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.engine.batches import Batches
from buildbot_cd.engine.views import host_row, incident_row, landing_row, rollout_row
from buildbot_cd.engine.views.hosts import COLUMNS
from buildbot_cd.engine.views.runs import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from buildbot.master import BuildMaster

    from buildbot_cd.core.immune.values import Verdict
    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.engine.apply import Applied
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Escape, HostRow, Rollout

WATCHES_KEPT = 4
"""Rollouts whose looks are kept in memory; those that have ended are in their watches' logs."""


class Events:
    """Tells whoever listens what changed. Nothing depends on it: who misses an event asks the data API."""

    def __init__(self, master: BuildMaster, store: Store) -> None:
        self.master, self.store = master, store
        self._looks: dict[int, list[dict[str, Any]]] = {}
        self._hosts: Batches[tuple[Rollout, HostRow]] = Batches(
            master.reactor, self._hosts_out, "buildbot_cd: news of hosts were not written; the step's end writes them"
        )
        self._runs: Batches[int] = Batches(master.reactor, self._runs_out, "buildbot_cd: a run's news were not told")

    # -- the gate

    def moved(self, gate: str, applied: Applied) -> None:
        """A move was committed."""
        for landing in applied.landings:
            self._produce(("cd", "landings", str(landing.id), landing.state.value), landing_row(landing))
        ids = [one.id for one in applied.landings]
        told = {"gate": gate, "reason": applied.move.reason, "actor": applied.move.actor, "landings": ids}
        self._produce(("cd", "gates", gate, "moved"), told)
        for incident in applied.incidents:
            self.incident_changed(incident)

    def incident_changed(self, incident: Incident) -> None:
        """An incident was opened, added to, or closed."""
        self._produce(("cd", "incidents", str(incident.id), incident.state.value), incident_row(incident))

    def notice(self, intent: Intent) -> None:
        """A message about a landing is due."""
        body = {"landing": intent.landing, "gate": intent.gate, **dict(intent.payload)}
        self._produce(("cd", "notices", str(intent.landing), str(intent.payload.get("what", "notice"))), body)

    # -- test runs

    def run_changed(self, run: int) -> None:
        """A run moved on; told together with what else happens to it in the next moment."""
        self._runs.add(run, run)

    async def _runs_out(self, runs: Mapping[Hashable, int]) -> None:
        def look(tx: Tx) -> list[dict[str, Any]]:
            found = [(ident, tx.runs.get(ident)) for ident in sorted(runs.values())]
            return [
                {
                    "run": ident,
                    "landing": run.landing,
                    "state": run.state.value,
                    "counts": counted(tx.runs.counts(ident)),
                }
                for ident, run in found
                if run is not None
            ]

        for told in await self.store.read(look):
            self._produce(("cd", "runs", str(told["run"]), "updated"), told)

    def escape_changed(self, escape: Escape) -> None:
        """The search for what broke a test moved on."""
        told = {name: getattr(escape, name) for name in ("gate", "test", "culprit", "probability", "reason")}
        body = {"id": escape.id, "state": escape.state.value, **told}
        self._produce(("cd", "escapes", str(escape.id), escape.state.value), body)

    # -- rollouts

    def rollout_changed(self, rollout: Rollout) -> None:
        """A rollout came into a state or a stage."""
        self._produce(("cd", "rollouts", str(rollout.id), rollout.state.value), rollout_row(rollout))

    def judged(self, rollout: int, stage: str, at: float, verdict: Verdict) -> None:
        """The immune system decided."""
        told = {"kind": verdict.kind.value, "reason": verdict.reason, "culprits": list(verdict.culprits)}
        self._produce(
            ("cd", "rollouts", str(rollout), "verdict"), {"rollout": rollout, "stage": stage, "at": at, **told}
        )

    def look(self, rollout: int, told: dict[str, Any]) -> None:
        """The judge has looked once more; ``told`` is a `views.samples.sample`."""
        while len(self._looks) >= WATCHES_KEPT and rollout not in self._looks:
            del self._looks[next(iter(self._looks))]
        self._looks.setdefault(rollout, []).append(told)
        self._produce(("cd", "rollouts", str(rollout), "look"), {"rollout": rollout, **told})

    def looks(self, rollout: int) -> list[dict[str, Any]]:
        """What the judge saw of this rollout on this master, since it started; of the last few rollouts."""
        return list(self._looks.get(rollout, ()))

    def host_heard(self, rollout: Rollout, row: HostRow) -> None:
        """A host's news: written and told with the next batch."""
        self._hosts.add((rollout.id, row.host), (rollout, row))

    async def settled(self) -> None:
        """Wait until all news of hosts so far are written: who writes hosts afterwards has the last word."""
        await self._hosts.settled()

    async def _hosts_out(self, heard: Mapping[Hashable, tuple[Rollout, HostRow]]) -> None:
        """Write first: who reads after an event finds what it told."""
        rollouts = {rollout.id: rollout for rollout, _ in heard.values()}
        for ident, rollout in rollouts.items():
            rows = [row for one, row in heard.values() if one.id == ident]
            await self._write(ident, rows)
            self.hosts_changed(rollout, rows)

    async def _write(self, rollout: int, rows: list[HostRow]) -> None:
        await self.store.transact(lambda tx: tx.rollouts.put_hosts(rollout, rows))

    def hosts_changed(self, rollout: Rollout, rows: Iterable[HostRow]) -> None:
        """Hosts were written: one event for all of them."""
        told = [host_row(row, rollout.release) for row in rows]
        if told:
            body = {
                "rollout": rollout.id,
                "at": float(self.master.reactor.seconds()),
                "columns": [*COLUMNS, "error"],
                "rows": told,
            }
            self._produce(("cd", "rollouts", str(rollout.id), "hosts"), body)

    async def close(self) -> None:
        """Hand over what is gathered; nothing is told afterwards."""
        await self._hosts.settled()
        await self._runs.settled()

    def _produce(self, key: tuple[str, ...], body: dict[str, Any]) -> None:
        self.master.mq.produce(key, body)
