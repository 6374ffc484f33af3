# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.SwitchHosts``: the hosts of one stage serve the new release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot.process.results import SKIPPED, SUCCESS

from buildbot_cd.core.rollout.records import Phase
from buildbot_cd.plugins.steps.fleet_step import FleetStep, bad, told
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.engine.fleet_plan import PlannedStage
    from buildbot_cd.store.rows import HostRow, Rollout


class SwitchHosts(FleetStep):
    """Switches the hosts of ``stage``: one atomic rename each, then restart and health check.

    The intention is written before any host is touched; a host that has the release already is only checked again.
    ``before`` and ``after`` are commands on the deploy worker; they may run again after an interruption.
    """

    name = "switch hosts"

    def __init__(
        self, stage: str, before: Sequence[str] | None = None, after: Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        """``stage`` is a name from cd.yaml's ``rollout``."""
        kwargs.setdefault("name", f"switch {stage}")
        super().__init__(**kwargs)
        self.stage = stage
        self.hooks = {"before": list(before or ()), "after": list(after or ())}

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Switch; more bad hosts than the stage's budget end the rollout."""
        stage = self.stage_named(rollout, self.stage)
        if stage is None:
            self.descriptionDone = ["no hosts are left for this stage"]
            return SKIPPED
        problem = await self._hook("before", rollout, stage)
        if problem:
            return await self.end_rollout(intent, rollout, "infra", problem)
        rows = await self.rollouts.hosts(rollout)
        ready = [name for name in stage.hosts if rows[name].phase != Phase.UNREACHABLE]
        if self._left(stage, rows, ready) < 0:  # more are lost already than may be: no further host is touched
            return await self._judge(intent, rollout, stage, rows)
        rows = await self._intend(rollout, stage)
        ready = [name for name in stage.hosts if rows[name].phase != Phase.UNREACHABLE]
        expect = {name: rows[name].previous for name in ready if rows[name].observed != rollout.release}
        left = max(0, self._left(stage, rows, ready))
        rows = await self.fan_out("switch", rollout, ready, release=rollout.release, expect=expect, budget=left)
        rows = await self._again(rollout, rows, expect)
        result = await self._judge(intent, rollout, stage, rows)
        problem = await self._hook("after", rollout, stage) if result == SUCCESS else ""
        return await self.end_rollout(intent, rollout, "infra", problem) if problem else result

    async def _again(
        self, rollout: Rollout, rows: dict[str, HostRow], expect: Mapping[str, str | None]
    ) -> dict[str, HostRow]:
        """Hosts that carry something else than the record said are believed, and asked once more."""
        other = {name for name in expect if rows[name].phase == Phase.REFUSED}
        moved = {name: rows[name].observed for name in other if rows[name].observed not in (expect[name], None)}
        if not moved:
            return rows
        await self.rollouts.note(rollout, [replace(rows[name], previous=seen) for name, seen in moved.items()])
        return await self.fan_out("switch", rollout, moved, release=rollout.release, expect=moved)

    def _left(self, stage: PlannedStage, rows: Mapping[str, HostRow], ready: Sequence[str]) -> int:
        """How many of the ready hosts may fail before no further one is begun; below 0: not one may be begun."""
        waiting = set(ready)
        left = stage.budget - len(bad(rows, set(stage.hosts) - waiting))
        if self.fleet.budget is not None:
            left = min(left, self.fleet.budget.at_most(len(rows)) - len(bad(rows, set(rows) - waiting)))
        return left

    async def _hook(self, which: str, rollout: Rollout, stage: PlannedStage) -> str:
        """Run the command of cd.yaml, if there is one; what went wrong, or nothing."""
        argv = self.hooks[which]
        if not argv:
            return ""
        told = {"CD_STAGE": stage.name, "CD_RELEASE": rollout.release, "CD_HOSTS": " ".join(stage.hosts)}
        code = await self.program(argv, lambda _event: None, log=which, env=told)
        return "" if code == 0 else f"stage {stage.name}: the command {which} it, {argv[0]}, ended with {code}"

    async def _intend(self, rollout: Rollout, stage: PlannedStage) -> dict[str, HostRow]:
        rows = await self.rollouts.hosts(rollout)
        wanted = {name: replace(rows[name], desired=rollout.release) for name in stage.hosts}
        await self.rollouts.note(rollout, wanted.values())
        await self.rollouts.move(rollout, stage=stage.name, state=RolloutState.SWITCHING)
        return rows | wanted

    async def _judge(self, intent: Intent, rollout: Rollout, stage: PlannedStage, rows: dict[str, HostRow]) -> int:
        lost = bad(rows, stage.hosts)
        good = len(stage.hosts) - len(lost)
        everywhere = self.over_fleet_budget(rows)
        if everywhere:
            return await self.end_rollout(intent, rollout, "infra", everywhere)
        if len(lost) <= stage.budget:
            self.descriptionDone = [f"{good} of {len(stage.hosts)} hosts serve {rollout.release}"]
            return SUCCESS
        reason = f"stage {stage.name}: {len(lost)} of {len(stage.hosts)} hosts did not come up ({told(lost)})"
        failing = blamed(stage, lost, rollout.release)
        return await self.end_rollout(intent, rollout, "regression" if failing else "infra", reason, failing)


def blamed(stage: PlannedStage, lost: Sequence[HostRow], release: str) -> list[str]:
    """What speaks against the release, more than the stage's budget allows; nothing if the hosts may be at fault.

    Unhealthy with the new release does, and a host that cannot be reached does not. A service that does not even
    restart may be its host's trouble; if that is so on every host of the stage, and these are several, it is not. What
    they do with the release before shows right after: nothing is reverted until they are back in service with it.
    """
    sick = [f"health of {row.host}" for row in lost if row.phase == Phase.UNHEALTHY]
    dead = [f"restart of {row.host}" for row in lost if row.phase == Phase.FAILED and row.observed == release]
    found = sick + dead if len(sick) + len(dead) == len(stage.hosts) > 1 else sick
    return found if len(found) > stage.budget else []
