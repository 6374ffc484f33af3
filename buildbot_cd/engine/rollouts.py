# SPDX-License-Identifier: GPL-2.0-only
"""The record of a rollout: opened once for each effect, corrected by what hosts say, never by hope."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet import threads

from buildbot_cd.core.landing.moves import key_of, staged_early
from buildbot_cd.core.landing.values import EffectKind, Slot
from buildbot_cd.core.rollout.stages import plan
from buildbot_cd.engine.fleet_plan import as_plan, as_told, read_hosts, release_name, stages_of
from buildbot_cd.engine.promotion import promoted
from buildbot_cd.store.rows import ROLLOUT_ENDED, HostRow, RolloutState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.core.immune.values import Verdict
    from buildbot_cd.core.landing.values import Intent, Landing
    from buildbot_cd.core.rollout.hosts import Host
    from buildbot_cd.engine.events import Events
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Rollout


GONE = "it did not come to its end; another rollout has taken its place"
"""Why a rollout is closed whose landing has begun another one."""


class Rollouts:
    """Opens and keeps the records of rollouts; ``folder`` is cd.yaml's."""

    def __init__(self, store: Store, config: MasterConfig, folder: Path, events: Events) -> None:
        self.store, self.config, self.folder, self.events = store, config, folder, events

    async def open(self, intent: Intent, landing: Landing, now: float) -> Rollout:
        """The rollout of this effect; made, with its canaries drawn and its hosts recorded, at the first call."""
        known = await self.of_key(intent.key)
        if known is not None:
            return known
        hosts = await self._inventory()
        release = release_name(landing)
        seed = landing.id * 1000 + landing.attempt
        over = [int(one) for one in intent.payload.get("over", ())]
        stages = plan(hosts, stages_of(self.config.rollout, len(hosts)), seed)
        told = as_plan(hosts, stages)

        def make(tx: Tx) -> Rollout:
            # A landing that was tested anew rests on something else: what hosts carried then is not where they go back.
            past = [one for one in tx.rollouts.for_landing(landing.id) if one.release == release]
            earlier = {row.host: row for old in past for row in tx.rollouts.hosts(old.id)}
            for old in (one for ident in (landing.id, *over) for one in tx.rollouts.for_landing(ident)):
                if old.state not in ROLLOUT_ENDED:  # whoever worked on it is gone, or stopped by the new one's fence
                    tx.rollouts.update(replace(old, state=RolloutState.FAILED, ended_at=now, reason=old.reason or GONE))
            made = tx.rollouts.create(
                intent.key, landing.gate, landing.id, release, str(landing.candidate), seed, told, now
            )
            stage_of = {host.name: stage.name for stage in stages for host in stage.hosts}
            rows = [_first_row(made, one, stage_of[one.name], earlier.get(one.name), now) for one in hosts]
            tx.rollouts.put_hosts(made.id, rows)
            return made

        opened = await self.store.transact(make)
        self.events.rollout_changed(opened)
        return opened

    async def of_key(self, key: str) -> Rollout | None:
        """The rollout of the effect with this key, None if it was never opened."""
        return await self.store.transact(lambda tx: tx.rollouts.by_key(key))

    async def fleet(self) -> list[dict[str, Any]]:
        """The hosts as the inventory has them now, as a request to the fan-out program wants them."""
        return [as_told(one) for one in await self._inventory()]

    async def _inventory(self) -> tuple[Host, ...]:
        assert self.config.fleet is not None
        return await threads.deferToThread(read_hosts, self.config.fleet.hosts, self.folder)

    async def newest_fence(self, gate: str, now: float) -> int:
        """The number that orders what is asked now after all rollouts so far, and before the next one.

        The rollout of the landing in the deploy slot is among them, even if its build has not opened it yet.
        """
        snapshot = await self.store.transact(lambda tx: tx.snapshot(gate))
        holder = snapshot.holder(Slot.DEPLOY)
        begun = snapshot.intents.get(key_of(holder, EffectKind.ROLLOUT)) if holder is not None else None
        if holder is not None and begun is not None:
            await self.open(begun, holder, now)
        recent = await self.store.transact(lambda tx: tx.rollouts.recent(gate, 1))
        return recent[0].fence if recent else 0

    async def soon(self, gate: str) -> bool:
        """Whether a release is on its way to the hosts early, so that its rollout may begin at any moment."""
        snapshot = await self.store.transact(lambda tx: tx.snapshot(gate))
        tested = snapshot.holder(Slot.TEST)
        return tested is not None and staged_early(tested) in snapshot.intents

    async def promoted(self, rollout: int, stage: str) -> str:
        """Who has ended the watch of this stage early, and why; empty while nobody has."""

        def read(tx: Tx) -> str:
            found = tx.rollouts.get(rollout)
            return promoted(found, stage) if found is not None else ""

        return await self.store.read(read)

    async def hosts(self, rollout: Rollout) -> dict[str, HostRow]:
        """The rollout's hosts as recorded."""
        rows = await self.store.transact(lambda tx: tx.rollouts.hosts(rollout.id))
        return {row.host: row for row in rows}

    async def note(self, rollout: Rollout, changed: Iterable[HostRow]) -> None:
        """Write what was learnt of hosts, and tell it."""
        rows = list(changed)
        await self.events.settled()
        await self.store.transact(lambda tx: tx.rollouts.put_hosts(rollout.id, rows))
        self.events.hosts_changed(rollout, rows)

    def heard(self, rollout: Rollout, row: HostRow) -> None:
        """A host's news while a fan-out goes on: written and told with those of the same moment."""
        self.events.host_heard(rollout, row)

    async def judged(self, rollout: Rollout, stage: str, verdict: Verdict, now: float) -> None:
        """Keep what the immune system decided, with what it decided on."""
        told = verdict.to_json()
        await self.store.transact(
            lambda tx: tx.verdicts.add(rollout.id, stage, now, str(verdict.kind), verdict.reason, told)
        )
        self.events.judged(rollout.id, stage, now, verdict)

    async def move(self, rollout: Rollout, **changes: Any) -> Rollout:
        """Write the rollout's own row."""

        def write(tx: Tx) -> Rollout:
            current = tx.rollouts.get(rollout.id) or rollout
            return tx.rollouts.update(replace(current, **changes))

        moved = await self.store.transact(write)
        self.events.rollout_changed(moved)
        return moved


def _first_row(rollout: Rollout, host: Host, stage: str, earlier: HostRow | None, now: float) -> HostRow:
    """A host before anything happened; what it carried before an interrupted try stays where a rollback goes."""
    return HostRow(
        rollout=rollout.id,
        host=host.name,
        role=host.role,
        stage=stage,
        desired=None,
        previous=earlier.previous if earlier is not None else None,
        at=now,
    )
