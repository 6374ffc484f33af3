# SPDX-License-Identifier: GPL-2.0-only
"""The world around one gate: engineers push, masters reconcile, workers work or die, people order, time passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.adopt import adopt
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.values import TERMINAL, EffectKind, Intent, IntentState, Mode
from buildbot_cd.engine.apply import answer, ask_look, ensure_gate, order, pushed
from buildbot_cd.errors import ControlRefused
from buildbot_cd.testing.simulation import git
from buildbot_cd.testing.simulation.commits import Repository, pick
from buildbot_cd.testing.simulation.master import Master
from buildbot_cd.testing.simulation.store import WatchedStore, finish
from buildbot_cd.testing.simulation.truth import Truth
from buildbot_cd.testing.simulation.witness import Witness
from buildbot_cd.testing.simulation.work import Build, Builds, CheckRun, CheckRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.people import Push
    from buildbot_cd.core.landing.values import Landing, Snapshot
    from buildbot_cd.testing.simulation.store import View

LOOKED, ACTED, TOLD = "looked", "acted", "told"
"""How far a build's step came: it has read what to do, has done it, has reported it."""

START = 1_000_000.0


@dataclass
class Step:
    """What a running build has in hand."""

    phase: str
    intent: Intent
    landing: Landing | None
    since: str | None
    holds: str | None
    fence: int = 0
    result: dict[str, Any] = field(default_factory=dict)


class World:
    """See the module. ``policy`` may be changed while it runs, as a team changes its configuration."""

    gate = "trunk"
    patience = 60

    def __init__(self, policy: Policy, masters: int = 2, cascade: int = 50) -> None:
        self.policy, self.now = policy, START
        self.repo, self.truth, self.cascade = Repository(), Truth(), cascade
        self.witness = Witness(self)
        self.store = WatchedStore(self.gate, self.witness.committed)
        self.builds = Builds()
        self.checks = CheckRuns(self.store, self._answered)
        self.masters = [Master(self) for _ in range(masters)]
        self.steps: dict[int, Step] = {}
        self.notices: list[tuple[int | None, str]] = []
        self.production, self.fence, self.rewritten = self.repo.trunk, 0, False
        self.adopted, self.before = "root", 0  # the trunk that a person adopted last, and the last landing before
        self.rounds = 0
        self.store.transact_now(ensure_gate(self.gate))
        self.look()
        self.settle_builds()

    @property
    def view(self) -> View:
        """All rows as they are now."""
        return self.store.view()

    @property
    def lost(self) -> bool:
        """True if trunk lacks what the gate has seen on it, or has pushed to it."""
        gate = self.view.gate
        known = (one for one in (gate.trunk, gate.pushed) if one is not None)
        return not all(self.repo.is_ancestor(one, self.repo.trunk) for one in known)

    # -- messages

    async def _answered(self, key: str, result: Mapping[str, Any]) -> bool:
        told = await self.store.transact(answer(self.gate, key, result, self.now, self.policy.people))
        return told.counted

    def report(self, key: str, result: Mapping[str, Any]) -> bool:
        """An answer reaches the engine."""
        return self.store.transact_now(answer(self.gate, key, result, self.now, self.policy.people)).counted

    def look(self) -> None:
        """A change hook or the timer asks for a look at trunk."""
        self.store.transact_now(ask_look(self.gate, self.now, "a push"))

    def hook(self, push: Push) -> None:
        """The git server tells of a push."""
        self.store.transact_now(pushed(self.gate, push, self.now, self.policy.people))

    def push_again(self, engineer: str, landing: Landing, retry: str) -> None:
        """An engineer cherry-picks a landing's last commit onto trunk as it is, if it applies."""
        head = self.repo[landing.head]
        tree, _ = pick(self.repo.tree(head.parent or "root"), self.repo.tree(self.repo.trunk), dict(head.tree))
        old = self.repo.tree(self.repo.trunk)
        if tree is not None and tree != old:
            changes = {path: tree.get(path) for path in {*tree, *old} if tree.get(path) != old.get(path)}
            self.repo.push(engineer, changes, relands=landing.head, retry=retry, patch=head.patch)

    def order(self, rule: Callable[[Snapshot], Move | None]) -> str:
        """A person's order; why it was refused, or empty."""
        self.witness.person = True
        try:
            applied = self.store.transact_now(order(self.gate, rule, self.now))
        except ControlRefused as refused:
            return str(refused)
        finally:
            self.witness.person = False
        if applied is not None:
            self.witness.moved(applied.move)
            for intent in applied.dropped:
                if intent.ref is not None:
                    finish(self.builds.cancel(int(intent.ref), applied.move.reason))
        return ""

    def adopt(self) -> str:
        """A person takes trunk as it stands, and has production carry it; why it was refused, or empty."""
        self.look()
        self.settle_looks()
        refused = self.order(lambda now: adopt(now, "ops", "looked at it", self.now))
        if not refused:
            self.rewritten, self.adopted = False, str(self.view.gate.trunk)
            self.production, self.before = self.adopted, max(self.view.landings, default=0)
        return refused

    # -- workers

    @property
    def running(self) -> list[Build]:
        """Builds that have not ended."""
        return [one for one in self.builds.all if not one.complete]

    @property
    def checking(self) -> list[CheckRun]:
        """Check runs that have not ended."""
        return [one for one in self.checks.all.values() if one.result is None]

    def check(self, run: CheckRun, fault: str) -> None:
        """A check run ends."""
        tree = self.repo.tree(str(run.payload["candidate"]))
        if run.kind is EffectKind.CHECKS:
            run.result = self.truth.checks(tree, fault)
        else:
            tested = self.repo.tree(str(run.payload["tested"]))
            run.result = self.truth.confirm(list(run.payload["failing"]), tree, tested, fault)

    def work(self, build: Build, fault: str = "") -> None:
        """A running build's step does its next part: look, act, report, end. ``fault`` spoils a rollout or rollback."""
        step = self.steps.get(build.bsid)
        if step is None:
            intent = self.view.intents[build.key]
            if intent.state not in (IntentState.PENDING, IntentState.STARTED):
                build.word = "skipped"  # the effect is over
                return
            self.fence += 1
            landing = None if intent.landing is None else self.view.landings[intent.landing]
            gate = self.view.gate
            self.steps[build.bsid] = Step(LOOKED, intent, landing, gate.trunk, gate.pushed, self.fence)
        elif step.phase == LOOKED:
            step.result, step.phase = self._act(step, fault), ACTED
        elif step.phase == ACTED:
            self.report(build.key, step.result)
            step.phase = TOLD
        else:
            build.word = "success"

    def die(self, build: Build, *, again: bool) -> None:
        """The build's worker is lost: Buildbot builds it again, or gives up."""
        self.steps.pop(build.bsid, None)
        if not again:
            build.word = "exception"

    def _act(self, step: Step, fault: str) -> dict[str, Any]:
        intent, payload = step.intent, step.intent.payload
        if intent.kind is EffectKind.OBSERVE:
            return git.observe(self.repo, step.since, step.holds)
        if intent.kind is EffectKind.MARK:
            return {"ok": True}
        if intent.kind is EffectKind.STAGE:
            return {"ok": not fault, "missing": []}
        if intent.kind is EffectKind.ROLLOUT and not self._staged(str(payload["staged_by"])):
            return {"verdict": "infra", "reason": "the release is not on the hosts"}
        if intent.kind in (EffectKind.ROLLOUT, EffectKind.ROLLBACK):
            return self._deploy(step, fault)
        if intent.kind is EffectKind.WATCH:
            live = self.repo.tree(self.view.gate.live or "root")
            return self.truth.settle(self.repo.tree(str(payload["candidate"])), live, fault)
        if fault == "refused":
            return {"refused": "pre-receive hook declined"} if intent.kind is EffectKind.REVERT else {"error": "no git"}
        assert step.landing is not None
        if intent.kind is EffectKind.CANDIDATE:
            return git.candidate(self.repo, step.landing, payload)
        return git.revert(self.repo, str(payload.get("entry") or intent.key), payload, self.cascade)

    def _staged(self, key: str) -> bool:
        """A rollout waits for the end of the build that brings its release to the hosts; whether that went well."""
        for build in self.running:
            while build.key == key and not build.complete:
                self.work(build)
        return bool((self.view.intents[key].result or {}).get("ok"))

    def _deploy(self, step: Step, fault: str) -> dict[str, Any]:
        """The hosts refuse an order that is older than one that they have seen."""
        if step.fence < self.fence and any(
            other.fence > step.fence and other.intent.kind in (EffectKind.ROLLOUT, EffectKind.ROLLBACK)
            for other in self.steps.values()
        ):
            return {"verdict": "infra", "ok": False, "reason": "an older fence"}
        payload = step.intent.payload
        if step.intent.kind is EffectKind.ROLLBACK:
            self.production = self.production if fault else str(payload["live"])
            return {"ok": False, "reason": "two hosts are down"} if fault else {"ok": True}
        self.production = str(payload["candidate"])
        return self.truth.rollout(self.repo.tree(self.production), fault)

    # -- peace

    def settle_looks(self) -> None:
        """Every look at trunk that runs comes to its end."""
        for build in self.running:
            while "/observe/" in build.key and not build.complete:
                self.work(build)

    def settle_builds(self) -> None:
        """Every worker does all that it has, without a fault, and every master a whole round."""
        for master in self.masters:
            while not master.forward(1):
                pass
        for run in self.checking:
            self.check(run, "")
        for build in list(self.running):
            while not build.complete:
                self.work(build)

    def mend_what_slipped_through(self) -> None:
        """A bad change that a lucky second run let pass makes every later landing look innocent, and the gate halt.

        That is right, and nobody but a person gets out of it: here, one who mends the test.
        """
        tree = self.repo.tree(self.view.gate.tested or "root")
        self.truth.broken.difference_update(tree.values())
        for content in tree.values():
            self.truth.needs.pop(content, None)

    def settle(self) -> None:
        """Let everything come to rest, with time passing; ``rounds`` is ``patience`` if that does not happen."""
        self.truth.sick.clear()
        for rounds in range(self.patience):
            self.rounds = rounds
            before = self.view
            self.look()
            self.settle_builds()
            self.settle_builds()
            self.now += 700
            after = self.view
            if self._rests() and before.landings == after.landings and before.gate == after.gate:
                return
        self.rounds = self.patience

    def _rests(self) -> bool:
        view = self.view
        ended = all(one.state in TERMINAL for one in view.landings.values())
        seen = view.gate.trunk == self.repo.trunk or self.rewritten
        busy = any(one.state in (IntentState.PENDING, IntentState.STARTED) for one in view.intents.values())
        return (ended or view.gate.mode is not Mode.OPEN) and seen and not busy
