# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.RepairFleet``: hosts that came back late, or were changed by hand, get the release that they are owed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS

from buildbot_cd.plugins.steps.fleet_step import ARCHIVE, FleetStep, bad, told

if TYPE_CHECKING:
    from buildbot_cd.store.rows import HostRow, Rollout


class RepairFleet(FleetStep):
    """Probes all hosts while no rollout is on its way, and puts right those whose release is not the one on record.

    Where ``fleet.drain`` is given, such a host takes no traffic until it is healthy with its release. It uses the fence
    of the newest rollout: one that begins meanwhile is newer, and the hosts then refuse what is left of the repair.
    """

    name = "repair fleet"
    haltOnFailure = False

    async def work(self) -> int:
        """Find out what is owed, probe, repair."""
        found = await self.engine.releases.owed(self.engine.gate)
        if found is None:
            self.descriptionDone = ["a rollout is on its way, or there was none yet"]
            return SKIPPED
        rollout, owed = found
        rows = await self.fan_out("status", rollout, owed)
        wrong = {name: release for name, release in owed.items() if _differs(rows[name], release)}
        rows = await self._repair(rollout, wrong) if wrong else rows
        await self.let_go(rollout)
        left = bad(rows, owed)
        self.descriptionDone = [f"{len(wrong)} of {len(owed)} hosts repaired"]
        if left:
            self.descriptionDone = [f"{len(wrong)} hosts were to be repaired; bad: {told(left)}"[:200]]
        return WARNINGS if left else SUCCESS

    async def _repair(self, rollout: Rollout, wrong: dict[str, str]) -> dict[str, HostRow]:
        by_release: dict[str, list[str]] = defaultdict(list)
        for name, release in wrong.items():
            by_release[release].append(name)
        rows = await self.rollouts.hosts(rollout)
        for release, names in sorted(by_release.items()):
            rows = await self.fan_out("stage", rollout, names, release=release, payload=f"{ARCHIVE}/{release}")
            ready = [name for name in names if name not in {row.host for row in bad(rows, names)}]
            rows = await self.fan_out("switch", rollout, ready, release=release)
        return rows


def _differs(row: HostRow, release: str) -> bool:
    """Whether the host was seen, and carries something else; one that is away is looked at the next time."""
    return row.phase != "unreachable" and row.observed != release
