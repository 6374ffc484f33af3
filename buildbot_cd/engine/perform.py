# SPDX-License-Identifier: GPL-2.0-only
"""Effects from the outbox: begun after the commit, at least once, each harmless when begun twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.python import log

from buildbot_cd.core.landing.values import EffectKind, Intent, IntentState
from buildbot_cd.engine.refs import branch_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from buildbot_cd.engine.builds import Builds
    from buildbot_cd.engine.checks import Checks
    from buildbot_cd.store.interface import Store, Tx

BUILDER_OF = {
    EffectKind.OBSERVE: "cd-git",
    EffectKind.CANDIDATE: "cd-git",
    EffectKind.REVERT: "cd-git",
    EffectKind.MARK: "cd-git",
    EffectKind.STAGE: "cd-stage",
    EffectKind.ROLLOUT: "cd-deploy",
    EffectKind.ROLLBACK: "cd-rollback",
    EffectKind.WATCH: "cd-watch",
}
"""Which of our builders does an effect that is one build."""

GATE_PRIORITY = 100
"""Priority of the gate's build requests: before everything that has not asked for more."""


GRACE = 5.0
"""Seconds that the master which began an effect has to note its build; then it counts as dead, and others go on."""


CALM = 1.0
"""Seconds by which a mark, a picture for people, gives way to what was decided together with it."""


PATIENT = frozenset({EffectKind.NOTIFY, EffectKind.MARK})
"""Effects that change nothing: they come after those that do."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where the gate's commits come from."""

    repository: str
    branch: str


class Performer:
    """Begins what is pending, looks after what was begun. Raises nothing: what fails is logged and tried again."""

    def __init__(
        self,
        store: Store,
        builds: Builds,
        checks: Checks,
        trunk: Trunk,
        notify: Callable[[Intent], Awaitable[bool]],
        answer: Callable[[str, Mapping[str, Any]], Awaitable[bool]],
    ) -> None:
        self.store, self.builds, self.checks, self.trunk = store, builds, checks, trunk
        self.notify, self.answer = notify, answer

    async def perform(self, gate: str, now: float, complete: frozenset[int], *, full: bool) -> bool:
        """Go over the gate's unfinished effects. ``complete``: buildsets that are known to have ended.

        ``full`` asks for every begun buildset, which finds what an event did not tell. True if anything was answered.
        """
        progressed = False
        unfinished = await self.store.transact(lambda tx: tx.outbox.unfinished(gate))
        for intent in sorted(unfinished, key=lambda one: one.kind in PATIENT):
            try:
                progressed |= await self._one(intent, now, complete, full=full)
            except Exception:  # noqa: BLE001 - one effect must not stop the others; it stays in the outbox
                log.err(None, f"buildbot_cd: {intent.key} failed and will be tried again")
        return progressed

    async def _one(self, intent: Intent, now: float, complete: frozenset[int], *, full: bool) -> bool:
        if intent.state is IntentState.PENDING and float(intent.payload.get("after") or 0) > now:
            return False
        if intent.kind is EffectKind.MARK and intent.state is IntentState.PENDING and now < intent.created_at + CALM:
            return False
        if intent.kind is EffectKind.NOTIFY:
            return await self.notify(intent) and await self.answer(intent.key, {})
        if intent.kind in (EffectKind.CHECKS, EffectKind.CONFIRM, EffectKind.PROOF):
            return await self.checks.advance(intent, now)
        if intent.state is IntentState.PENDING:
            if intent.kind is EffectKind.ROLLOUT and await self._too_early(intent):
                return False
            if await self.store.transact(lambda tx: _claim(tx, intent.key, now)):
                await self._begin(intent)
            return False
        return await self._look_after(intent, now, complete, full=full)

    async def _begin(self, intent: Intent) -> None:
        bsid = await self.builds.start(
            [self._builder(intent)],
            key=intent.key,
            reason=str(intent.payload.get("why") or intent.payload.get("reason") or intent.key),
            source=await self._source(intent),
            properties={"cd_epoch": intent.epoch, **dict(intent.payload.get("properties", {}))},
            priority=int(intent.payload.get("priority", GATE_PRIORITY)) - (intent.kind is EffectKind.STAGE),
        )
        await self.store.transact(lambda tx: tx.outbox.set_ref(intent.key, str(bsid)))

    async def _too_early(self, intent: Intent) -> bool:
        """True for a rollout whose release no worker has begun to make: it may be waiting for the very same worker."""
        key = intent.payload.get("staged_by")
        stage = await self.store.transact(lambda tx: tx.outbox.get(str(key))) if key else None
        if stage is None or stage.state in (IntentState.DONE, IntentState.DROPPED):
            return False
        return stage.ref is None or not await self.builds.begun(int(stage.ref))

    async def _look_after(self, intent: Intent, now: float, complete: frozenset[int], *, full: bool) -> bool:
        if intent.ref is None:
            if abs(now - (intent.started_at or 0)) < GRACE:
                return False  # the master that began it is about to tell what it started
            found = await self.builds.find(intent.key, intent.started_at or 0)
            if found is None:
                await self._begin(intent)
            else:
                await self.store.transact(lambda tx: tx.outbox.set_ref(intent.key, str(found)))
            return False
        bsid = int(intent.ref)
        if not full and bsid not in complete:
            return False
        state = await self.builds.state(bsid)
        if not state.complete:
            return False
        if intent.kind is EffectKind.BUILD:
            return await self.answer(intent.key, {"results": state.results, "built": await self.builds.built(bsid)})
        return await self.answer(intent.key, _without_answer(state.word))

    def _builder(self, intent: Intent) -> str:
        return str(intent.payload["builder"]) if intent.kind is EffectKind.BUILD else BUILDER_OF[intent.kind]

    async def _source(self, intent: Intent) -> dict[str, str | None]:
        """What the build checks out. A candidate that was built never was on trunk: it is fetched by its own ref."""
        trunk = self.trunk.branch
        if intent.kind in (EffectKind.OBSERVE, EffectKind.CANDIDATE, EffectKind.REVERT, EffectKind.MARK):
            return {"repository": self.trunk.repository, "branch": trunk, "revision": None}
        revision = intent.payload.get("revision") or intent.payload.get("candidate")
        branch = intent.payload.get("branch") or await self.store.transact(
            lambda tx: branch_of(tx, intent.gate, revision, trunk)
        )
        return {"repository": self.trunk.repository, "branch": branch, "revision": revision}


def _claim(tx: Tx, key: str, now: float) -> bool:
    """True for the first master that begins the effect: several masters ask for one build, not for several."""
    intent = tx.outbox.get(key)
    return intent is not None and intent.state is IntentState.PENDING and tx.outbox.start(key, now, None)


def _without_answer(word: str) -> dict[str, Any]:
    """What an ended buildset means when its steps gave no answer: never a verdict against a change."""
    reason = f"its build ended with {word} and gave no answer"
    return {"error": reason, "verdict": "infra", "reason": reason, "ok": False}
