# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.StageRelease``: the release onto every host, before any host switches to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import SUCCESS
from twisted.internet import defer

from buildbot_cd.engine.rollouts import hosts_in, stages_in
from buildbot_cd.engine.watch import Watch
from buildbot_cd.plugins.steps.fleet_step import ARCHIVE, FleetStep, bad, told
from buildbot_cd.sources.snapshot import HostAddress
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from buildbot_cd.config.immune import Immune
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import HostRow, Rollout


class StageRelease(FleetStep):
    """Copies the release in ``path`` to all hosts, and meanwhile measures what is normal for each (the baseline)."""

    name = "stage release"

    def __init__(self, path: str, immune: Immune | None = None, **kwargs: Any) -> None:
        """``path`` is relative to the checkout."""
        super().__init__(**kwargs)
        self.path, self.immune = path, immune

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Copy and check; hosts tell what they carry, and what was done before an interruption is found done."""
        rows, baseline = await defer.gatherResults(
            [defer.ensureDeferred(self._stage(rollout)), defer.ensureDeferred(self._baseline(rollout))],
            consumeErrors=True,
        )
        if self.refused:
            return await self.end_rollout(intent, rollout, "infra", self.refused)
        await self.rollouts.move(rollout, baseline=baseline, state=RolloutState.SWITCHING)
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

    async def _stage(self, rollout: Rollout) -> dict[str, HostRow]:
        more = {"release": rollout.release, "payload": self.path, "archive": ARCHIVE}
        return await self.fan_out("stage", rollout, **more)

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
