# SPDX-License-Identifier: GPL-2.0-only
"""What the steps of a rollout share: the fan-out program, the record, and the way a rollout ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED

from buildbot_cd.core.rollout.records import BAD_PHASES, Phase
from buildbot_cd.engine.fleet_plan import hosts_in, stages_in
from buildbot_cd.engine.fleet_request import settings_of
from buildbot_cd.engine.host_news import observed, reported, staged
from buildbot_cd.errors import FleetError
from buildbot_cd.plugins.steps.program import ProgramStep
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from buildbot_cd.config.fleet import Fleet
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.engine.fleet_plan import PlannedStage
    from buildbot_cd.engine.rollouts import Rollouts
    from buildbot_cd.store.rows import HostRow, Rollout

SLOW = 3600.0
"""Seconds without any output after which the fan-out program counts as hung; each host has its own, shorter limits."""


ARCHIVE = "../cd-releases"
"""Where the deploy worker keeps the last releases, for hosts that come back when the build's folder has moved on."""

PATIENCE = 900.0
"""Seconds beyond the watch for which connections are kept: a rollback may have to wait for a worker."""


class FleetStep(ProgramStep):
    """A step of a rollout. ``fleet`` is cd.yaml's section; ``python`` has this package on the deploy worker."""

    haltOnFailure = True
    flunkOnFailure = True
    place = ".."
    """The daemon's folder as the build's folder sees it."""
    refused = ""
    """Why the program would not do the last request at all: somebody else's lease, a newer rollout, bad settings."""

    def __init__(self, fleet: Fleet, python: str = "python3", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fleet, self.python = fleet, python

    async def work(self) -> int:
        """Do the step's part, if the effect it belongs to is still wanted."""
        intent = await self.engine.intent(str(self.getProperty("cd_key")))
        if intent is None:
            self.descriptionDone = ["over:", "nothing done"]
            return SKIPPED
        _, landing = await self.engine.rows(intent)
        assert landing is not None
        rollout = await self.rollouts.open(intent, landing, self.engine.now())
        return await self.act(intent, rollout)

    async def act(self, intent: Intent, rollout: Rollout) -> int:
        """The step's own part."""
        raise NotImplementedError

    @property
    def rollouts(self) -> Rollouts:
        """The engine's records of rollouts."""
        return self.engine.rollouts

    def stage_named(self, rollout: Rollout, name: str) -> PlannedStage | None:
        """The stage as planned; None if the fleet was too small for it to get hosts."""
        return next((one for one in stages_in(rollout) if one.name == name), None)

    async def fan_out(
        self,
        verb: str,
        rollout: Rollout,
        names: Iterable[str] | None = None,
        also: Callable[[dict[str, Any]], None] = lambda _event: None,
        **more: Any,
    ) -> dict[str, HostRow]:
        """Run one verb on these hosts (default: all) and write what they answered; gives all hosts' rows.

        ``also`` hears of each host's answer too, as the program gives it.

        A program that died in the middle leaves its hosts as last told; they are probed again by whoever comes next.
        """
        rows = await self.rollouts.hosts(rollout)
        wanted = set(rows if names is None else names)
        if strangers := sorted(wanted - set(rows)):
            raise FleetError(f"{verb}: {', '.join(strangers[:5])} are no hosts of rollout {rollout.id}")
        hosts = [one for one in hosts_in(rollout) if one["name"] in wanted]
        if not hosts:
            return rows
        learn = {"status": observed, "stage": staged}.get(verb, reported)
        changed: dict[str, HostRow] = {}

        def found(event: dict[str, Any]) -> None:
            if event.get("host") in rows:
                name = str(event["host"])
                changed[name] = rows[name] = learn(rows[name], event, time.time())
                self.rollouts.heard(rollout, rows[name])
                also(event)

        ended = await self.ask(verb, hosts, rollout.fence, _idle(rollout), found, **more)
        if not ended:
            for name in wanted - set(changed):
                why = self.refused or "the fan-out program ended before this host answered"
                died = {"phase": str(Phase.UNREACHABLE), "error": why}
                changed[name] = rows[name] = reported(rows[name], died, time.time())
        await self.rollouts.note(rollout, changed.values())
        return rows

    async def ask(
        self,
        verb: str,
        hosts: Sequence[dict[str, Any]],
        fence: int,
        idle: float,
        found: Callable[[dict[str, Any]], None],
        **more: Any,
    ) -> bool:
        """Run one verb on these hosts and hand on what is told of each; False if the program died before its end.

        Connections are kept for ``idle`` seconds afterwards.
        """
        ended: list[bool] = []
        self.refused = ""

        def heard(event: dict[str, Any]) -> None:
            if event.get("event") == "host":
                found(event)
            elif event.get("event") == "progress":
                self._progress(verb, event)
            elif event.get("event") == "end":
                ended.append(True)
            elif event.get("event") == "error":
                self.refused = str(event.get("error"))

        request = {"verb": verb, "hosts": list(hosts), "fence": fence, **settings_of(self.fleet), **more}
        argv = self._argv("--idle", f"{idle:g}", "--fence", str(fence), *self._lease(verb))
        code = await self.program(argv, heard, request=request, log=verb, timeout=SLOW)
        if not ended and not self.refused and code:
            self.refused = self.unanswered(code, verb, "release.python")
        return bool(ended)

    def _argv(self, *options: str, daemon: bool = True) -> list[str]:
        """The program. Over ssh its daemon does the work, in the folder above the checkout, where it survives a clean.

        An interrupted step needs no further command: a daemon stops what nobody waits for any more.
        """
        through = ["--daemon", self.place] if daemon and self.fleet.transport == "ssh" else []
        return [self.python, "-m", "buildbot_cd.worker.fleet", *through, *options]

    def _lease(self, verb: str) -> list[str]:
        """The lease belongs to the gate: its rollouts follow each other by their fences."""
        if self.fleet.lease is None or verb in ("status", "health"):
            return []
        return ["--lease", self.fleet.lease, "--owner", f"gate {self.engine.gate} of {self.buildmaster.name}"]

    async def let_go(self, rollout: Rollout) -> None:
        """The rollout is over: connections and lease are given back, now and not when they have idled for long.

        A newer rollout that has begun meanwhile keeps both; one that is about to begin keeps the connections.
        """
        soon = await self.rollouts.soon(rollout.gate)
        if not self.stopped and ((self.fleet.transport == "ssh" and not soon) or self.fleet.lease is not None):
            argv = self._argv("--stop", "--fence", str(rollout.fence), *self._lease("stop"), daemon=not soon)
            await self.program(argv, lambda _event: None, log="stop", timeout=60.0)

    def over_fleet_budget(self, rows: Mapping[str, HostRow]) -> str:
        """What to say when more hosts are bad, in whatever stage, than the fleet's budget allows; else nothing."""
        if self.fleet.budget is None:
            return ""
        lost, most = bad(rows, rows), self.fleet.budget.at_most(len(rows))
        return f"{len(lost)} of {len(rows)} hosts are bad, more than the {most} of fleet.budget ({told(lost)})" * (
            len(lost) > most
        )

    def _progress(self, verb: str, event: Mapping[str, Any]) -> None:
        eta = f", {event['eta']:.0f} s left" if event.get("eta") is not None else ""
        self.description = [f"{verb}: {event.get('done')} of {event.get('of')} hosts{eta}"]
        self.updateSummary()

    async def end_rollout(
        self, intent: Intent, rollout: Rollout, verdict: str, reason: str, failing: Iterable[str] = ()
    ) -> int:
        """Close the rollout, which ended otherwise than well, and tell the engine; gives FAILURE."""
        await self.rollouts.move(rollout, state=RolloutState.FAILED, reason=reason, ended_at=self.engine.now())
        await self.engine.report(intent.key, {"verdict": verdict, "reason": reason, "failing": list(failing)})
        self.descriptionDone = [reason[:200]]
        return FAILURE


def _idle(rollout: Rollout) -> float:
    """Seconds for which connections are kept between commands: through the longest watch, and a while for people."""
    return max((one.watch for one in stages_in(rollout)), default=0.0) + PATIENCE


def bad(rows: Mapping[str, HostRow], names: Iterable[str]) -> list[HostRow]:
    """Those of the named hosts that count against a budget."""
    return [rows[name] for name in names if rows[name].phase in BAD_PHASES]


def told(rows: Iterable[HostRow]) -> str:
    """Hosts and what is wrong with them, for people."""
    return "; ".join(f"{row.host}: {row.error or row.phase}" for row in list(rows)[:5])
