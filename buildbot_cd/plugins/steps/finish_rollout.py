# SPDX-License-Identifier: GPL-2.0-only
"""The end of a rollout that went well: old releases are collected, and the landing is live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot.process.results import SUCCESS

from buildbot_cd.plugins.steps.fleet_step import FleetStep
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import Rollout


class FinishRollout(FleetStep):
    """Collects old releases (never one that is named by this rollout) and reports the landing live."""

    name = "finish"

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Report first: what is live does not wait for tidying up."""
        rows = await self.rollouts.hosts(rollout)
        serving = [row for row in rows.values() if row.observed == rollout.release]
        await self.rollouts.move(rollout, state=RolloutState.DONE, ended_at=self.engine.now())
        reason = f"{rollout.release} is live on {len(serving)} of {len(rows)} hosts"
        await self.engine.report(intent.key, {"verdict": "live", "reason": reason})
        named = sorted(await self.engine.releases.named(rollout))
        try:
            await self.fan_out("gc", rollout, protect=named)
        finally:
            await self.let_go(rollout)
        self.descriptionDone = [reason]
        return SUCCESS
