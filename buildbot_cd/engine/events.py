# SPDX-License-Identifier: GPL-2.0-only
"""Events on the master's message queue, in the form of Buildbot's own data API: ``cd/landings/<id>/<state>``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildbot.master import BuildMaster

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Intent


class Events:
    """Tells whoever listens what changed. Nothing depends on it: who misses an event asks the data API."""

    def __init__(self, master: BuildMaster) -> None:
        self.master = master

    def moved(self, gate: str, move: Move) -> None:
        """A move was committed."""
        for landing in move.landings:
            self._produce(("cd", "landings", str(landing.id), str(landing.state)), asdict(landing))
        self._produce(("cd", "gates", gate, "moved"), {"gate": gate, "reason": move.reason, "actor": move.actor})

    def notice(self, intent: Intent) -> None:
        """A message about a landing is due."""
        body = {"landing": intent.landing, "gate": intent.gate, **dict(intent.payload)}
        self._produce(("cd", "notices", str(intent.landing), str(intent.payload.get("what", "notice"))), body)

    def rollout(self, ident: int, what: str, body: dict[str, object]) -> None:
        """Something changed in a rollout: hosts switched, a verdict, a stage."""
        self._produce(("cd", "rollouts", str(ident), what), {"rollout": ident, **body})

    def _produce(self, key: tuple[str, ...], body: dict[str, object]) -> None:
        self.master.mq.produce(key, body)
