# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.ImmuneSystem``: watch the switched hosts, and say whether they are worse than the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.process.buildstep import BuildStepCancelled
from buildbot.process.results import SKIPPED, SUCCESS, WARNINGS
from twisted.internet import threads

from buildbot_cd.core.immune.interval import Interval
from buildbot_cd.core.immune.record import opening, reopen
from buildbot_cd.core.immune.seasonal import history_needed
from buildbot_cd.core.immune.values import VerdictKind
from buildbot_cd.core.wire import lines
from buildbot_cd.engine.fleet_plan import hosts_in, stages_in
from buildbot_cd.engine.history import bad_times
from buildbot_cd.engine.views.samples import sample
from buildbot_cd.engine.watch import Arms, Watch, action_of
from buildbot_cd.plugins.steps.earlier_watch import SAMPLES, earlier_record
from buildbot_cd.plugins.steps.fleet_step import FleetStep
from buildbot_cd.sources.snapshot import HostAddress
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from buildbot_cd.config.immune import Immune
    from buildbot_cd.core.immune.judge import Judge
    from buildbot_cd.core.immune.seasonal import Season
    from buildbot_cd.core.immune.values import Verdict
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.rows import Rollout


class Promoted(Exception):
    """A person has ended this watch early; says who, and why."""


class ImmuneSystem(FleetStep):
    """Compares the hosts that carry the release with those that do not yet; after the last stage, with the time before.

    A regression ends the watch at once; what follows from each verdict stands in cd.yaml. Everything that the judge was
    told goes into the log ``samples``, line by line, so that the verdict can be replayed, and so that a watch which was
    interrupted goes on from there; what the watch can see, at this traffic, is told before it in the log ``power``.
    """

    name = "immune system"

    def __init__(self, stage: str, immune: Immune, **kwargs: Any) -> None:
        """``stage`` is a name from cd.yaml's ``rollout``."""
        kwargs.setdefault("name", f"watch {stage}")
        super().__init__(**kwargs)
        self.stage, self.immune = stage, immune

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """Watch for as long as the stage says."""
        stage = self.stage_named(rollout, self.stage)
        if stage is None or not stage.watch:
            self.descriptionDone = ["nothing to watch"]
            return SKIPPED
        await self.rollouts.move(rollout, stage=stage.name, state=RolloutState.WATCHING)
        try:
            verdict = await self._watch(rollout, stage.watch)
        except Promoted as early:
            await self.addCompleteLog("promoted", f"{early}\n")
            self.descriptionDone = [f"ended early, {early}"[:200]]
            return SUCCESS
        await self.addCompleteLog("verdict", json.dumps(verdict.to_json(), indent=1))
        await self.rollouts.judged(rollout, self.stage, verdict, self.engine.now())
        self.descriptionDone = [f"{verdict.kind}: {verdict.reason}"[:200]]
        return await self._follow(intent, rollout, verdict)

    async def _follow(self, intent: Intent, rollout: Rollout, verdict: Verdict) -> int:
        """What cd.yaml says follows. A pause is a rollout that is held and tried again; in the end the gate halts."""
        action = action_of(self.immune, verdict.kind)
        if action == "rollback":
            culprits = [f"metric {name}" for name in verdict.culprits]
            return await self.end_rollout(intent, rollout, "regression", verdict.reason, culprits)
        if action == "pause":
            return await self.end_rollout(intent, rollout, "infra", f"{verdict.kind}: {verdict.reason}")
        return SUCCESS if verdict.kind in (VerdictKind.OK, VerdictKind.UNDECIDED) else WARNINGS

    async def _watch(self, rollout: Rollout, seconds: float) -> Verdict:
        hosts = [HostAddress(one["name"], one["address"], one["role"]) for one in hosts_in(rollout)]
        watch = Watch(self.buildmaster.reactor, self.immune, hosts)
        arms = self._arms(rollout)
        self._looking = (rollout.id, arms)
        self._samples: Any = await self.addLog(SAMPLES, "t")
        try:
            known = await self._interrupted(watch, arms)
            judge, had = known or (await self._judge(watch, rollout, arms, seconds), [])
            await self._write(opening(judge), *(one.to_json() for one in had))
            # The first reading after the switch only sets the marks: counters of restarted hosts begin anew.
            await (watch.sample() if had else watch.warm_up())
            return await watch.run(judge, seconds, self._told, self._among(rollout), had)
        finally:
            await watch.close()
            await self._samples.finish()

    async def _judge(self, watch: Watch, rollout: Rollout, arms: Arms, seconds: float) -> Judge:
        """The judge of a watch that begins, and what it will be able to see."""
        baseline = [Interval.from_json(one) for one in rollout.baseline.get("intervals", ())]
        past, silent = ([], []) if arms.control else await self._past(watch, rollout, seconds)
        await self._tell_power([one.sentence() for one in watch.foresee(arms, baseline, seconds)] + silent)
        return watch.judge(arms, baseline, seconds, past)

    async def _interrupted(self, watch: Watch, arms: Arms) -> tuple[Judge, list[Interval]] | None:
        """The judge of this very watch as it was when it was interrupted, and what it had seen; None if it begins now.

        It begins anew, too, where cd.yaml has changed what is watched meanwhile.
        """
        record = await earlier_record(self.running, self.name)
        try:
            judge = await threads.deferToThread(reopen, record)
        except (ValueError, KeyError, TypeError):
            return None
        watched = (judge.specs, judge.canary, judge.control, judge.false_alarm)
        if watched != (tuple(watch.specs), arms.canary, arms.control, self.immune.false_alarm):
            return None
        had = [Interval.from_json(one) for one in record[1:]]
        watch.go_on(had)
        await self._tell_power([f"this watch was interrupted; it goes on after {len(had)} looks"])
        return judge, had

    def _among(self, _rollout: Rollout) -> Callable[[], Awaitable[frozenset[str]]] | None:
        """Who still counts, where that may change during the watch."""
        return None

    async def _past(self, watch: Watch, rollout: Rollout, seconds: float) -> tuple[list[Season], list[str]]:
        """Past weeks, without the hours in which a release of this gate was bad for the fleet."""
        if self.immune.history is None:
            return [], []
        back, _ = history_needed(self.immune.history.weeks, seconds)
        since = self.engine.now() - back
        return await watch.past(seconds, await self.engine.store.read(lambda tx: bad_times(tx, rollout.gate, since)))

    async def _tell_power(self, sentences: list[str]) -> None:
        """What this watch can see, before it begins."""
        if sentences:
            await self.addCompleteLog("power", "".join(f"{one}\n" for one in sentences))

    def _arms(self, rollout: Rollout) -> Arms:
        switched: set[str] = set()
        for stage in stages_in(rollout):
            switched |= set(stage.hosts)
            if stage.name == self.stage:
                break
        everyone = {one["name"] for one in hosts_in(rollout)}
        return Arms(frozenset(switched), frozenset(everyone - switched))

    async def _told(self, interval: Interval, verdict: Verdict) -> None:
        if self.stopped:
            raise BuildStepCancelled
        await self._write(interval.to_json())
        early = await self.rollouts.promoted(self._looking[0], self.stage)
        if early and verdict.kind is not VerdictKind.REGRESSION:
            raise Promoted(early)
        rollout, arms = self._looking
        self.engine.events.look(rollout, sample(self.stage, interval, verdict, arms.canary, arms.control))
        self.description = [f"{verdict.kind}: {verdict.reason}"[:200]]
        self.updateSummary()

    async def _write(self, *told: dict[str, Any]) -> None:
        """At once: what a master that is killed had seen is read by the one that goes on."""
        await self._samples.addContent("".join(f"{line}\n" for one in told for line in lines(one)))
