# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.RollBack``: every host back to the release that was recorded for it before the rollout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot.process.results import FAILURE, SUCCESS

from buildbot_cd.core.rollout.records import BAD_PHASES
from buildbot_cd.plugins.steps.fleet_step import FleetStep, told
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import HostRow, Rollout


class RollBack(FleetStep):
    """Takes the hosts that carry the landing's release back, each to its own recorded one, and with them those that a
    newer landing has taken further meanwhile. It never gives up by itself: while a host that may carry the release does
    not answer, the engine asks again.
    """

    name = "roll back"

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Probe all hosts, then move those back that are on the release."""
        rows = await self.fan_out("status", rollout)
        bad = {rollout.release} | await self.engine.releases.of(_over(intent))
        switched = [row for row in rows.values() if row.observed in bad]
        to = {row.host: row.previous for row in switched if row.previous is not None and row.previous not in bad}
        await self._intend(rollout, rows, to)
        rows = await self.fan_out("rollback", rollout, to, to=to) if to else rows
        return await self._end(intent, rollout, rows, to)

    async def _intend(self, rollout: Rollout, rows: dict[str, HostRow], to: Mapping[str, str | None]) -> None:
        wanted = [replace(rows[name], desired=previous) for name, previous in to.items()]
        await self.rollouts.note(rollout, wanted)
        await self.rollouts.move(rollout, state=RolloutState.ROLLING_BACK)

    async def _end(
        self, intent: Intent, rollout: Rollout, rows: dict[str, HostRow], to: Mapping[str, str | None]
    ) -> int:
        mentioned = await self.engine.releases.touched([intent.landing or 0, *_over(intent)])
        stuck = [
            row
            for row in rows.values()
            if row.phase in BAD_PHASES and (row.host in to or (row.host in mentioned and row.observed is None))
        ]
        if stuck:
            reason = f"{len(stuck)} hosts are not back yet: {told(stuck)}"
            await self.engine.report(intent.key, {"ok": False, "reason": reason})
            self.descriptionDone = [reason[:200]]
            return FAILURE
        await self.let_go(rollout)
        now = self.engine.now()
        await self.rollouts.move(rollout, state=RolloutState.ROLLED_BACK, ended_at=now)
        answer = {"ok": True, "hosts": len(mentioned & set(rows)), "fleet": len(rows), "rollout": rollout.id}
        await self.engine.report(intent.key, answer)
        self.descriptionDone = [f"{len(to)} hosts are back on what they carried before"]
        return SUCCESS


def _over(intent: Intent) -> list[int]:
    """The newer landings whose hosts go back in the same switch."""
    return [int(one) for one in intent.payload.get("over", ())]
