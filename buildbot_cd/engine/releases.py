# SPDX-License-Identifier: GPL-2.0-only
"""Where releases are: what hosts carry, shall carry and may still need, over all rollouts of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import Slot
from buildbot_cd.core.rollout.owed import owed
from buildbot_cd.engine.fleet_plan import hosts_in, release_name
from buildbot_cd.store.rows import ROLLOUT_ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Rollout

RECENT = 30
"""How many of the last rollouts are looked at for what is still wanted."""


class Releases:
    """Asks the records of rollouts; ``store`` has them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def of(self, landings: Iterable[int]) -> frozenset[str]:
        """All releases that were ever made of these landings."""

        def read(tx: Tx) -> frozenset[str]:
            return frozenset(one.release for ident in landings for one in tx.rollouts.for_landing(ident))

        return await self.store.transact(read)

    async def carriers(self, rollout: Rollout) -> frozenset[str]:
        """The hosts that shall carry the rollout's release now: not those that a newer one has taken further."""

        def read(tx: Tx) -> frozenset[str]:
            recent = tx.rollouts.recent(rollout.gate, RECENT)
            history = [{row.host: row.desired for row in tx.rollouts.hosts(one.id)} for one in reversed(recent)]
            due = owed(history, [str(one["name"]) for one in hosts_in(rollout)])
            return frozenset(host for host, release in due.items() if release == rollout.release)

        return await self.store.transact(read)

    async def touched(self, landings: Iterable[int]) -> frozenset[str]:
        """The hosts that were ever told to switch to a release of these landings."""

        def read(tx: Tx) -> frozenset[str]:
            rollouts = [one for ident in landings for one in tx.rollouts.for_landing(ident)]
            rows = [(one, row) for one in rollouts for row in tx.rollouts.hosts(one.id)]
            return frozenset(row.host for one, row in rows if row.desired == one.release)

        return await self.store.transact(read)

    async def named(self, rollout: Rollout) -> frozenset[str]:
        """The releases that this rollout, an open one or a landing inside the gate may still need on some host."""

        def read(tx: Tx) -> frozenset[str]:
            wanted = [one for one in tx.rollouts.recent(rollout.gate, RECENT) if one.state not in ROLLOUT_ENDED]
            rows = [row for one in [rollout, *wanted] for row in tx.rollouts.hosts(one.id)]
            found = {name for row in rows for name in (row.desired, row.previous) if name}
            found |= {release_name(one) for one in tx.snapshot(rollout.gate).landings if one.candidate}  # brought early
            return frozenset(found | {rollout.release} | {one.release for one in wanted})

        return await self.store.transact(read)

    async def carried(self, rollout: Rollout) -> dict[str, str]:
        """What each host was last seen to carry, before this rollout; hosts that were never seen are left out."""

        def read(tx: Tx) -> dict[str, str]:
            wanted = {str(one["name"]) for one in hosts_in(rollout)}
            found: dict[str, str] = {}
            for past in tx.rollouts.recent(rollout.gate, RECENT):
                if wanted <= set(found):
                    break
                if past.id != rollout.id:
                    rows = tx.rollouts.hosts(past.id)
                    found = {row.host: row.observed for row in rows if row.observed is not None} | found
            return found

        return await self.store.transact(read)

    async def owed(self, gate: str) -> tuple[Rollout, dict[str, str]] | None:
        """The newest rollout, and what each of its hosts shall carry; None while one is on its way, or never was."""

        def read(tx: Tx) -> tuple[Rollout, dict[str, str]] | None:
            recent = tx.rollouts.recent(gate, RECENT)
            if not recent or tx.snapshot(gate).slots.get(Slot.DEPLOY) is not None:
                return None
            history = [{row.host: row.desired for row in tx.rollouts.hosts(one.id)} for one in reversed(recent)]
            return recent[0], owed(history, [str(one["name"]) for one in hosts_in(recent[0])])

        return await self.store.transact(read)
