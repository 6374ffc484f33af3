# SPDX-License-Identifier: GPL-2.0-only
"""Looks at every commit to the database and notes which invariant it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.engine.apply import apply
from buildbot_cd.errors import StaleVersion
from buildbot_cd.store.errors import SlotTaken
from buildbot_cd.testing.simulation.safety import EACH_COMMIT

if TYPE_CHECKING:
    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.testing.simulation.store import View
    from buildbot_cd.testing.simulation.world import World


class Witness:
    """``broken`` holds what went wrong, as "S7: ..."; an exception here would be taken for a failed effect."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.broken: list[str] = []
        self.moves: list[Move] = []
        self.person = False
        self.allowed: set[int] = set()
        """Landings that a person ordered to be taken back or to go on after a halt."""

    def moved(self, move: Move) -> None:
        """A move was committed."""
        self.moves.append(move)

    def must_be_refused(self, move: Move) -> None:
        """S12: a move that was committed cannot be committed a second time."""

        def again(tx: Tx) -> None:
            apply(tx, tx.snapshot(self.world.gate), move, self.world.now)
            raise LookupError

        try:
            self.world.store.transact_now(again)
        except LookupError:
            self.broken.append(f"S12: {move.reason} could be done twice")
        except (StaleVersion, SlotTaken):
            pass

    def committed(self, before: View, after: View) -> None:
        """A transaction changed something."""
        if self.person:
            self.allowed |= {one.id for one in after.landings.values() if before.landings.get(one.id) != one} | {
                one.id for one in after.landings.values() if one.state == "halted"
            }
        for name, rule in EACH_COMMIT.items():
            found = rule(self.world, before, after)
            if found:
                self.broken.append(f"{name}: {found}")
