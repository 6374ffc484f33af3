# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.StageRelease``: the release onto every host, while its checks still run: what passed is only switched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.buildstep import BuildStepCancelled
from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from buildbot_cd.core.rollout.records import Phase
from buildbot_cd.engine.fleet_plan import release_name
from buildbot_cd.plugins.steps.fleet_step import PATIENCE, FleetStep

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Landing


class StageRelease(FleetStep):
    """Copies the release in ``path`` to all hosts; nothing is switched.

    It may work beside the rollout of the landing before, with that rollout's number, so that it disturbs nothing. Hosts
    that did not get the release are named, and its own rollout tries them again. Where the program would not do it at
    all (another gate holds the lease), the answer is no, and it is asked again with the rollout.
    """

    name = "stage release"

    def __init__(self, path: str, place: str, **kwargs: Any) -> None:
        """``path`` is relative to the checkout, and so is ``place``, the folder of the builders that switch."""
        super().__init__(**kwargs)
        self.path, self.place = path, place

    async def work(self) -> int:
        """Copy; the answer is {ok, missing: hosts that do not have it}, and the reason where nothing could be done."""
        intent = await self.engine.intent(str(self.getProperty("cd_key")))
        landing = None if intent is None else (await self.engine.rows(intent))[1]
        if intent is None or landing is None:
            self.descriptionDone = ["over:", "nothing done"]
            return SKIPPED
        ended, missing, hosts = await self._copy(landing)
        if self.stopped:
            raise BuildStepCancelled
        on = f"{release_name(landing)} is on {hosts - len(missing)} of {hosts} hosts"
        done = ended or len(missing) < hosts  # one host has it, so the archive has it: the rollout can bring it to all
        reason = on if done else self.refused or "the fan-out program ended before any host had answered"
        await self.engine.report(intent.key, {"ok": done, "missing": sorted(missing), "reason": reason})
        self.descriptionDone = [reason[:200]]
        return SUCCESS if done else FAILURE

    async def _copy(self, landing: Landing) -> tuple[bool, set[str], int]:
        """Whether the program came to its end; the hosts that lack the release; and how many hosts there are."""
        hosts = await self.rollouts.fleet()
        fence = await self.rollouts.newest_fence(self.engine.gate, self.engine.now())
        missing = {str(one["name"]) for one in hosts}

        def found(event: dict[str, Any]) -> None:
            if event.get("phase") == Phase.STAGED:
                missing.discard(str(event.get("host")))

        more = {"release": release_name(landing), "payload": self.path, "archive": f"{self.place}/cd-releases"}
        ended = await self.ask("stage", hosts, fence, PATIENCE, found, **more)
        return ended, missing, len(hosts)
