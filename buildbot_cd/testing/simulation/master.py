# SPDX-License-Identifier: GPL-2.0-only
"""One master's reconciler, which can be stopped and killed at every transaction and at every start of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.engine.apply import answer, step
from buildbot_cd.engine.perform import Performer, Trunk
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import SlotTaken

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.testing.simulation.world import World


class Master:
    """Reconciles again and again; `forward` takes it to its next stop, and ``where`` tells which that is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.work: Coroutine[Any, Any, None] | None = None
        self.where = ""
        self.now = 0.0  # what its clock said for the step that it is in; it may be set back meanwhile

    def forward(self, stops: int) -> bool:
        """Go on for so many stops; True if the present round of work came to its end meanwhile."""
        if self.work is None:
            self.work = self._round()
        for _ in range(stops):
            try:
                self.where = str(self.work.send(None))
            except StopIteration:
                self.work = None
                return True
        return False

    def kill(self) -> None:
        """Forget everything that is not in the database."""
        if self.work is not None:
            self.work.close()
        self.work = None

    async def _round(self) -> None:
        world = self.world
        while True:
            self.now = world.now
            try:
                applied = await world.store.transact(step(world.gate, world.policy, self.now))
            except (StaleVersion, SlotTaken):
                continue
            finally:
                self.now = 0.0
            if applied is None:
                break
            world.witness.moved(applied.move)
            world.witness.must_be_refused(applied.move)
            for intent in applied.dropped:
                if intent.ref is not None:
                    await world.builds.cancel(int(intent.ref), applied.move.reason)
        performer = Performer(
            world.store,
            world.builds,  # type: ignore[arg-type]
            world.checks,  # type: ignore[arg-type]
            Trunk("repo", "main"),
            self._notify,
            self._answer,
        )
        await performer.perform(world.gate, world.now, frozenset(), full=True)

    async def _answer(self, key: str, result: Mapping[str, Any]) -> bool:
        told = await self.world.store.transact(
            answer(self.world.gate, key, result, self.world.now, self.world.policy.people)
        )
        return told.counted

    async def _notify(self, intent: Intent) -> bool:
        self.world.notices.append((intent.landing, str(intent.payload["what"])))
        return True
