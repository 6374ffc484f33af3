# SPDX-License-Identifier: GPL-2.0-only
"""Several masters on one database: each says often that it lives, and who falls silent is taken over from.

Buildbot's own masters tell of themselves once a minute and count as gone after ten; until then the builds that a dead
one had begun belong to it. A gate cannot wait that long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from twisted.python import log

if TYPE_CHECKING:
    from buildbot.master import BuildMaster

BEAT = 5.0
"""Seconds between two signs of life."""

SILENCE = 15.0
"""Seconds without one after which a master that used to give them counts as gone."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A peer's signs of life: the last ``sign``, ``at`` which time it was seen here, and whether they come ``often``.

    Only the own clock counts: those of the peers may differ from it.
    """

    sign: Any
    at: float
    often: bool = False

    def seen(self, sign: Any, now: float) -> Pulse:
        """After another look. A master without this package tells of itself once a minute: it never comes ``often``."""
        if sign == self.sign:
            return self
        return replace(self, sign=sign, at=now, often=now - self.at < SILENCE)

    def gone(self, now: float) -> bool:
        """True if the peer used to come often, and is silent."""
        return self.often and now - self.at > SILENCE


class Peers:
    """The other masters on this one's database."""

    def __init__(self, master: BuildMaster) -> None:
        self.master = master
        self._pulses: dict[int, Pulse] = {}

    async def beat(self, now: float) -> list[str]:
        """Give a sign of life and look for those of the others; gives the names of those that were taken over from.

        Their unfinished builds end as RETRY and their requests are free again, as if they had been stopped in order.
        """
        if not self.master.config.multiMaster:
            return []
        # Buildbot fills this object at run time, so its methods have no types.
        updates: Any = self.master.data.updates
        await updates.masterActive(name=self.master.name, masterid=self.master.masterid)
        taken: list[str] = []
        for peer in await self.master.db.masters.getMasters():
            if peer.id != self.master.masterid and peer.active and self._gone(peer.id, peer.last_active, now):
                log.msg(f"buildbot_cd: master {peer.name} is silent since {SILENCE:g} s; its builds are taken over")
                await updates.masterStopped(name=peer.name, masterid=peer.id)
                await self._free_requests(peer.id)
                del self._pulses[peer.id]
                taken.append(peer.name)
        if taken:
            self.master.botmaster.maybeStartBuildsForAllBuilders()
        return taken

    async def _free_requests(self, peer: int) -> None:
        """Give up what the peer had claimed and not completed.

        Buildbot 4.3 means to do so when a master is stopped on its behalf, but frees the claims of the caller instead.
        """
        requests, claims = self.master.db.model.buildrequests, self.master.db.model.buildrequest_claims

        def thd(conn: sa.engine.Connection) -> None:
            unfinished = sa.select(requests.c.id).where(requests.c.complete == 0)
            conn.execute(claims.delete().where(claims.c.masterid == peer, claims.c.brid.in_(unfinished)))
            conn.commit()

        pool: Any = self.master.db.pool
        await pool.do(thd)

    def _gone(self, peer: int, sign: Any, now: float) -> bool:
        known = self._pulses.get(peer)
        self._pulses[peer] = Pulse(sign, now) if known is None else known.seen(sign, now)
        return self._pulses[peer].gone(now)
