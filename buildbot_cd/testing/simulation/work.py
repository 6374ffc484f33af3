# SPDX-License-Identifier: GPL-2.0-only
"""Builds and check runs: what was asked for, and how each may end, late, doubled or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import EffectKind, Intent, IntentState
from buildbot_cd.testing.simulation.store import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from buildbot_cd.store.interface import Store


@dataclass
class Build:
    """One buildset of the gate's: running until ``word`` is set. ``cancelled``: it was told to stop."""

    bsid: int
    key: str
    word: str = ""
    cancelled: bool = False

    @property
    def complete(self) -> bool:
        """True if it has ended."""
        return bool(self.word)

    @property
    def results(self) -> int | None:
        """Nobody here looks at Buildbot's number."""
        return None


class Builds:
    """Stands for `engine.builds.Builds`, with a stop on either side of a start: a master may die there."""

    def __init__(self) -> None:
        self.all: list[Build] = []

    async def start(self, _builders: Sequence[str], *, key: str, **_more: object) -> int:
        """See `engine.builds.Builds.start`."""
        await Stop("before a build is asked for")
        build = Build(len(self.all) + 1, key)
        self.all.append(build)
        await Stop("after a build was asked for")
        return build.bsid

    async def find(self, key: str, _since: float) -> int | None:
        """See `engine.builds.Builds.find`."""
        return next((one.bsid for one in self.all if one.key == key), None)

    async def state(self, bsid: int) -> Build:
        """See `engine.builds.Builds.state`."""
        return self.all[bsid - 1]

    async def begun(self, _bsid: int) -> bool:
        """See `engine.builds.Builds.begun`: here workers are never short."""
        return True

    async def cancel(self, bsid: int, _reason: str) -> None:
        """See `engine.builds.Builds.cancel`: it may come too late, so the build may still act."""
        self.all[bsid - 1].cancelled = True


@dataclass
class CheckRun:
    """One check or confirmation run; ``result`` is None while it goes on."""

    key: str
    kind: EffectKind
    payload: Mapping[str, Any]
    result: dict[str, Any] | None = None


@dataclass
class CheckRuns:
    """Stands for `engine.checks.Checks`: one run for each key, however often it is asked for."""

    store: Store
    answer: Callable[[str, Mapping[str, Any]], Awaitable[bool]]
    all: dict[str, CheckRun] = field(default_factory=dict)

    async def advance(self, intent: Intent, now: float) -> bool:
        """See `engine.checks.Checks.advance`."""
        if intent.state is IntentState.PENDING:
            await self.store.transact(lambda tx: tx.outbox.start(intent.key, now, None))
        run = self.all.setdefault(intent.key, CheckRun(intent.key, intent.kind, intent.payload))
        return run.result is not None and await self.answer(intent.key, run.result)
