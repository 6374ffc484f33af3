# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.BeginRollout``: what has to be known and in place before any host is switched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot.process.buildstep import BuildStepCancelled
from buildbot.process.results import SUCCESS
from twisted.internet import defer

from buildbot_cd.core.rollout.records import Phase
from buildbot_cd.engine.fleet_plan import hosts_in, stages_in
from buildbot_cd.engine.watch import Watch
from buildbot_cd.plugins.steps.fleet_step import ARCHIVE, FleetStep, bad, told
from buildbot_cd.sources.snapshot import HostAddress
from buildbot_cd.store.rows import HostRow, RolloutState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.config.immune import Immune
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import Rollout


LOOK = 1.0
"""Seconds between looks at the staging build where no event tells of its end: it may run on another master."""


class BeginRollout(FleetStep):
    """Waits until the release is on the hosts, and meanwhile measures what is normal for each (the baseline).

    A host that has the release is taken to carry what it was last seen to carry: should that be wrong, it refuses to
    switch, and is asked again. All others are probed, and given the release if they lack it.
    """

    name = "begin rollout"

    def __init__(self, immune: Immune | None = None, **kwargs: Any) -> None:
        """``immune`` is cd.yaml's section, which says how long the baseline is measured."""
        super().__init__(**kwargs)
        self.immune = immune

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Wait, measure, probe; what was done before an interruption is found done."""
        both: list[defer.Deferred[Any]] = [
            defer.ensureDeferred(self._staged(intent, rollout)),
            defer.ensureDeferred(self._baseline(rollout)),
        ]
        rows, baseline = await defer.gatherResults(both, consumeErrors=True)
        if rows is None:
            reason = f"the release could not be made or brought to the hosts: {await self._why(intent)}"
            return await self.end_rollout(intent, rollout, "infra", reason)
        if self.refused:
            return await self.end_rollout(intent, rollout, "infra", self.refused)
        await self.rollouts.move(rollout, baseline=baseline, state=RolloutState.SWITCHING, ended_at=None, reason="")
        for stage in stages_in(rollout):
            lost = bad(rows, stage.hosts)
            if len(lost) > stage.budget:
                reason = f"stage {stage.name}: {len(lost)} hosts could not be given the release ({told(lost)})"
                return await self.end_rollout(intent, rollout, "infra", reason)
        everywhere = self.over_fleet_budget(rows)
        if everywhere:
            return await self.end_rollout(intent, rollout, "infra", everywhere)
        self.descriptionDone = [f"{rollout.release} is on {len(rows) - len(bad(rows, rows))} of {len(rows)} hosts"]
        return SUCCESS

    async def _staged(self, intent: Intent, rollout: Rollout) -> dict[str, HostRow] | None:
        """All hosts as they stand once the staging build has ended; None if it ended without having staged."""
        key = str(intent.payload.get("staged_by") or "")
        while (stage := await self.engine.effect(key)) is not None and stage.result is None:
            if self.stopped:
                raise BuildStepCancelled
            await self.engine.pause(LOOK)
        if stage is None or not (stage.result or {}).get("ok"):
            return None
        rows, taken = await self.rollouts.hosts(rollout), dict[str, HostRow]()
        if all(row.phase == Phase.PENDING and row.observed is None for row in rows.values()):  # nobody was here before
            taken = await self._taken(rollout, rows, frozenset((stage.result or {}).get("missing", ())))
        left = set(rows) - set(taken)
        return await self._probed(rollout, left) if left else taken

    async def _why(self, intent: Intent) -> str:
        """What the staging build said that has failed."""
        stage = await self.engine.effect(str(intent.payload.get("staged_by") or ""))
        told = {} if stage is None else stage.result or {}
        return str(told.get("reason") or "see its cd-stage build")

    async def _probed(self, rollout: Rollout, names: set[str]) -> dict[str, HostRow]:
        """These hosts say what they carry, and are given the release if they lack it.

        It comes from this master's folder on the worker. Where another master staged, that has none: then the release
        has to be made again, but only if a host lacks it.
        """
        there: set[str] = set()

        def has(event: dict[str, Any]) -> None:
            if rollout.release in (event.get("releases") or ()):
                there.add(str(event["host"]))

        rows = await self.fan_out("status", rollout, names, also=has)
        staged = {name: rows[name] for name in there if rows[name].phase == Phase.PENDING}
        staged = {name: replace(row, phase=str(Phase.STAGED)) for name, row in staged.items()}
        await self.rollouts.note(rollout, staged.values())
        lack = [name for name in names - there if rows[name].phase != Phase.UNREACHABLE]
        if not lack:
            return rows | staged
        payload = f"{ARCHIVE}/{rollout.release}"
        return await self.fan_out("stage", rollout, lack, release=rollout.release, payload=payload)

    async def _taken(
        self, rollout: Rollout, rows: Mapping[str, HostRow], missing: frozenset[str]
    ) -> dict[str, HostRow]:
        """The hosts that have the release and of which is known what they carry."""
        carried = await self.engine.releases.carried(rollout)
        taken = {
            name: replace(row, observed=carried[name], previous=row.previous or carried[name], phase=str(Phase.STAGED))
            for name, row in rows.items()
            if name in carried and name not in missing
        }
        await self.rollouts.note(rollout, taken.values())
        return taken

    async def _baseline(self, rollout: Rollout) -> dict[str, Any]:
        if self.immune is None or rollout.baseline:
            return dict(rollout.baseline)
        hosts = [HostAddress(one["name"], one["address"], one["role"]) for one in hosts_in(rollout)]
        watch = Watch(self.buildmaster.reactor, self.immune, hosts)
        try:
            intervals = await watch.baseline(self.immune.baseline)
        finally:
            await watch.close()
        return {"intervals": [one.to_json() for one in intervals]}
