# SPDX-License-Identifier: GPL-2.0-only
"""The record of a rollout: opened once for each effect, corrected by what hosts say, never by hope."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import threads

from buildbot_cd.config.inventory import parse_hosts
from buildbot_cd.core.landing.moves import key_of, staged_early
from buildbot_cd.core.landing.values import EffectKind, Slot
from buildbot_cd.core.rollout.hosts import Host
from buildbot_cd.core.rollout.owed import owed
from buildbot_cd.core.rollout.records import HostRecord, Observation, Phase, after_event, observe
from buildbot_cd.core.rollout.stages import Stage, plan
from buildbot_cd.engine.promotion import promoted
from buildbot_cd.errors import FleetError
from buildbot_cd.store.rows import ROLLOUT_ENDED, HostRow, RolloutState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.config.fleet import Inventory, RolloutStage
    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.core.immune.values import Verdict
    from buildbot_cd.core.landing.values import Intent, Landing
    from buildbot_cd.engine.events import Events
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Rollout


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage of a rollout as it was planned: ``watch`` in seconds, ``budget`` in hosts."""

    name: str
    hosts: tuple[str, ...]
    watch: float
    budget: int


GONE = "it did not come to its end; another rollout has taken its place"
"""Why a rollout is closed whose landing has begun another one."""

RECENT = 30
"""How many of the last rollouts are looked at for what is still wanted."""


class Rollouts:
    """Opens and keeps the records of rollouts; ``folder`` is cd.yaml's."""

    def __init__(self, store: Store, config: MasterConfig, folder: Path, events: Events) -> None:
        self.store, self.config, self.folder, self.events = store, config, folder, events

    async def open(self, intent: Intent, landing: Landing, now: float) -> Rollout:
        """The rollout of this effect; made, with its canaries drawn and its hosts recorded, at the first call."""
        known = await self.of_key(intent.key)
        if known is not None:
            return known
        assert self.config.fleet is not None
        hosts = await threads.deferToThread(read_hosts, self.config.fleet.hosts, self.folder)
        release = release_name(landing)
        seed = landing.id * 1000 + landing.attempt
        over = [int(one) for one in intent.payload.get("over", ())]
        stages = plan(hosts, stages_of(self.config.rollout, len(hosts)), seed)
        told = {
            "hosts": [_told(one) for one in hosts],
            "stages": [
                {"name": s.name, "hosts": [h.name for h in s.hosts], "watch": s.watch, "budget": s.budget}
                for s in stages
            ],
        }

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

    async def releases(self, landings: Iterable[int]) -> frozenset[str]:
        """All releases that were ever made of these landings."""

        def read(tx: Tx) -> frozenset[str]:
            return frozenset(one.release for ident in landings for one in tx.rollouts.for_landing(ident))

        return await self.store.transact(read)

    async def carriers(self, rollout: Rollout) -> frozenset[str]:
        """The hosts that shall carry the rollout's release now: not those that a newer one has taken further."""

        def read(tx: Tx) -> frozenset[str]:
            recent = tx.rollouts.recent(rollout.gate, RECENT)
            history = [{row.host: row.desired for row in tx.rollouts.hosts(one.id)} for one in reversed(recent)]
            due = owed(history, [str(one["name"]) for one in hosts_in(rollout)])
            return frozenset(host for host, release in due.items() if release == rollout.release)

        return await self.store.transact(read)

    async def touched(self, landings: Iterable[int]) -> frozenset[str]:
        """The hosts that were ever told to switch to a release of these landings."""

        def read(tx: Tx) -> frozenset[str]:
            rollouts = [one for ident in landings for one in tx.rollouts.for_landing(ident)]
            rows = [(one, row) for one in rollouts for row in tx.rollouts.hosts(one.id)]
            return frozenset(row.host for one, row in rows if row.desired == one.release)

        return await self.store.transact(read)

    async def named(self, rollout: Rollout) -> frozenset[str]:
        """The releases that this rollout, an open one or a landing inside the gate may still need on some host."""

        def read(tx: Tx) -> frozenset[str]:
            wanted = [one for one in tx.rollouts.recent(rollout.gate, RECENT) if one.state not in ROLLOUT_ENDED]
            rows = [row for one in [rollout, *wanted] for row in tx.rollouts.hosts(one.id)]
            found = {name for row in rows for name in (row.desired, row.previous) if name}
            found |= {release_name(one) for one in tx.snapshot(rollout.gate).landings if one.candidate}  # brought early
            return frozenset(found | {rollout.release} | {one.release for one in wanted})

        return await self.store.transact(read)

    async def fleet(self) -> list[dict[str, Any]]:
        """The hosts as the inventory has them now, as a request to the fan-out program wants them."""
        assert self.config.fleet is not None
        return [_told(one) for one in await threads.deferToThread(read_hosts, self.config.fleet.hosts, self.folder)]

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

    async def carried(self, rollout: Rollout) -> dict[str, str]:
        """What each host was last seen to carry, before this rollout; hosts that were never seen are left out."""

        def read(tx: Tx) -> dict[str, str]:
            wanted = {str(one["name"]) for one in hosts_in(rollout)}
            found: dict[str, str] = {}
            for past in tx.rollouts.recent(rollout.gate, RECENT):
                if wanted <= set(found):
                    break
                if past.id != rollout.id:
                    rows = tx.rollouts.hosts(past.id)
                    found = {row.host: row.observed for row in rows if row.observed is not None} | found
            return found

        return await self.store.transact(read)

    async def owed(self, gate: str) -> tuple[Rollout, dict[str, str]] | None:
        """The newest rollout, and what each of its hosts shall carry; None while one is on its way, or never was."""

        def read(tx: Tx) -> tuple[Rollout, dict[str, str]] | None:
            recent = tx.rollouts.recent(gate, RECENT)
            if not recent or tx.snapshot(gate).slots.get(Slot.DEPLOY) is not None:
                return None
            history = [{row.host: row.desired for row in tx.rollouts.hosts(one.id)} for one in reversed(recent)]
            return recent[0], owed(history, [str(one["name"]) for one in hosts_in(recent[0])])

        return await self.store.transact(read)

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


def release_name(landing: Landing) -> str:
    """The name of the landing's release on hosts: its number, and the candidate that it was made of."""
    return f"r{landing.id}-{str(landing.candidate)[:12]}"


def stages_in(rollout: Rollout) -> tuple[PlannedStage, ...]:
    """The stages as they were planned when the rollout was opened."""
    return tuple(
        PlannedStage(str(one["name"]), tuple(one["hosts"]), float(one["watch"]), int(one["budget"]))
        for one in rollout.plan["stages"]
    )


def hosts_in(rollout: Rollout) -> list[dict[str, Any]]:
    """The hosts as the fan-out program takes them: name, address, role, and port if it is a particular one."""
    return [dict(one) for one in rollout.plan["hosts"]]


def stages_of(stages: Sequence[RolloutStage], fleet: int) -> list[Stage]:
    """cd.yaml says how many hosts carry the release after a stage; the plan wants what the stage adds."""
    made, before = [], 0
    for one in stages:
        total = one.hosts.at_least(fleet)
        adds: int | str = "all" if one.hosts.everything else total - before
        size = fleet - before if one.hosts.everything else total - before
        if adds == 0 or size <= 0:
            continue
        made.append(Stage(one.stage, adds, one.watch, one.budget.at_most(size)))
        before = total
    return made


def read_hosts(inventory: Inventory, folder: Path) -> tuple[Host, ...]:
    """The fleet now. Raises FleetError with the command's own words, ConfigError if its list cannot be used."""
    if inventory.inline is not None:
        found = inventory.inline
    elif inventory.file is not None:
        path = folder / inventory.file
        found = parse_hosts(path.read_text("utf-8"), str(path))
    else:
        argv = list(inventory.command or ())
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise FleetError(f"fleet.hosts.command {argv} ended with {done.returncode}: {done.stderr.strip()[:500]}")
        found = parse_hosts(done.stdout, f"output of {argv[0]}")
    return tuple(Host(one.name, one.address, one.role, one.port) for one in found)


def _told(host: Host) -> dict[str, Any]:
    told: dict[str, Any] = {"name": host.name, "address": host.address, "role": host.role}
    return told if host.port is None else {**told, "port": host.port}


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


def observed(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after a probe's answer."""
    seen = Observation(
        current=event.get("release"),
        staged=frozenset(event.get("releases") or ()),
        reachable=event.get("phase") == "status",
        error=str(event.get("error") or ""),
    )
    return _with(row, observe(_record(row), seen), now)


def reported(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after the fan-out program's event."""
    phase = Phase(str(event["phase"])) if event["phase"] in set(Phase) else Phase(row.phase)
    record = after_event(_record(row), phase, event.get("release"), str(event.get("error") or ""))
    return _with(row, record, now)


def staged(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after an event of staging: a host that answered told what it carries as well, as a probe does."""
    if "release" in event:
        seen = {"phase": "status", "release": event["release"], "releases": [], "error": event.get("error")}
        row = observed(row, seen, now)
    return reported(row, event, now)


def _record(row: HostRow) -> HostRecord:
    return HostRecord(row.desired, row.observed, row.previous, Phase(row.phase), row.error)


def _with(row: HostRow, record: HostRecord, now: float) -> HostRow:
    return replace(
        row,
        observed=record.observed,
        previous=record.previous,
        phase=str(record.phase),
        error=record.error[:1000],
        at=now,
    )
