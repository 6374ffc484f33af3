# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.WatchOn``: the whole fleet is watched on after a rollout, while the next release may be on its way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from buildbot_cd.engine.fleet_plan import hosts_in
from buildbot_cd.engine.watch import Arms
from buildbot_cd.plugins.steps.immune_system import ImmuneSystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from buildbot_cd.core.immune.values import Verdict
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import Rollout


SETTLE = "settle"
"""What this watch is called among the verdicts of its rollout, where the others have the names of stages."""


class WatchOn(ImmuneSystem):
    """Compares the hosts that carry the release with the time before it, for `immune.settle`.

    Hosts that a newer rollout has switched do not count any more: what they do is the newer release's doing, or both
    releases', and that one has a watch of its own. When none is left the watch ends, with what it knows until then.
    """

    name = "watch on"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(stage=SETTLE, **kwargs)

    async def work(self) -> int:
        """Watch the rollout that the effect names, if the effect is still wanted."""
        intent = await self.engine.intent(str(self.getProperty("cd_key")))
        rollout = None if intent is None else await self.rollouts.of_key(str(intent.payload["rollout"]))
        if intent is None or rollout is None:
            self.descriptionDone = ["over:", "nothing done"]
            return SKIPPED
        return await self.act(intent, rollout)

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Watch, and tell the engine what follows."""
        self._left = await self.engine.releases.carriers(rollout)
        if not self._left:
            return await self._replaced(intent, rollout)
        verdict = await self._watch(rollout, self.immune.settle)
        await self.addCompleteLog("verdict", json.dumps(verdict.to_json(), indent=1))
        await self.rollouts.judged(rollout, SETTLE, verdict, self.engine.now())
        self.descriptionDone = [f"{verdict.kind}: {verdict.reason}"[:200]]
        if not self._left:
            return await self._replaced(intent, rollout)
        return await self._follow(intent, rollout, verdict)

    async def _follow(self, intent: Intent, rollout: Rollout, verdict: Verdict) -> int:
        result = await super()._follow(intent, rollout, verdict)
        if result != FAILURE:
            reason = f"watched to the end on the whole fleet: {verdict.kind}"
            await self.engine.report(intent.key, {"verdict": "live", "reason": reason})
        return result

    async def end_rollout(
        self, intent: Intent, rollout: Rollout, verdict: str, reason: str, failing: Iterable[str] = ()
    ) -> int:
        """Tell the engine; the rollout itself ended well, and stays as it is."""
        del rollout
        await self.engine.report(intent.key, {"verdict": verdict, "reason": reason, "failing": list(failing)})
        self.descriptionDone = [reason[:200]]
        return FAILURE

    async def _replaced(self, intent: Intent, rollout: Rollout) -> int:
        reason = f"no host carries {rollout.release} alone any more; nothing was seen against it until then"
        await self.engine.report(intent.key, {"verdict": "live", "reason": reason})
        self.descriptionDone = [reason]
        return SUCCESS

    def _arms(self, rollout: Rollout) -> Arms:
        return Arms(frozenset(str(one["name"]) for one in hosts_in(rollout)), frozenset())

    def _among(self, _rollout: Rollout) -> Callable[[], Awaitable[frozenset[str]]]:
        async def left() -> frozenset[str]:
            self._left = await self.engine.releases.carriers(_rollout)
            return self._left

        return left
