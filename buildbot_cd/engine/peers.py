# SPDX-License-Identifier: GPL-2.0-only
"""Several masters on one database: each says often that it lives, and who falls silent is taken over from.

Buildbot's own masters tell of themselves once a minute and count as gone after ten; until then the builds that a dead
one had begun belong to it. A gate cannot wait that long. So each of our masters promises in the database to tell of
itself every `BEAT` seconds: who finds the promise need not have heard a single sign to know that silence means death.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from twisted.python import log

if TYPE_CHECKING:
    from buildbot.master import BuildMaster

BEAT = 3.0
"""Seconds between two signs of life."""

SILENCE = 12.0
"""Seconds without one after which a master that promised them counts as gone."""

PROMISE = ("promised signs of life", "buildbot_cd.engine.peers")
"""Name and class of the object among Buildbot's states under which each master's promise stands, by its number."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A peer's signs of life: the last ``sign``, ``at`` which time it was seen here, and whether more are ``promised``.

    Only the own clock counts: those of the peers may differ from it.
    """

    sign: Any
    at: float
    promised: bool = False

    def seen(self, sign: Any, now: float, *, promised: bool) -> Pulse:
        """After another look. A master without this package tells of itself once a minute, and promises nothing."""
        return Pulse(sign, now, promised) if sign != self.sign else replace(self, promised=promised)

    def gone(self, now: float) -> bool:
        """True if the peer has promised signs, and is silent."""
        return self.promised and now - self.at > SILENCE


class Peers:
    """The other masters on this one's database."""

    def __init__(self, master: BuildMaster) -> None:
        self.master = master
        self._pulses: dict[int, Pulse] = {}
        self._looked: float | None = None

    async def beat(self, now: float) -> list[str]:
        """Give a sign of life and look for those of the others; gives the names of those that were taken over from.

        Their unfinished builds end as RETRY and their requests are free again, as if they had been stopped in order.
        """
        if not self.master.config.multiMaster:
            return []
        # Buildbot fills this object at run time, so its methods have no types.
        updates: Any = self.master.data.updates
        await updates.masterActive(name=self.master.name, masterid=self.master.masterid)
        await self._promise(self.master.masterid, BEAT)
        taken = [one for one in await self._look(now) if self._pulses[one.id].gone(now)]
        for peer in taken:
            log.msg(f"buildbot_cd: master {peer.name} is silent since {SILENCE:g} s; its builds are taken over")
            await self._take_over(peer.id, peer.name)
        if taken:
            self.master.botmaster.maybeStartBuildsForAllBuilders()
        return [peer.name for peer in taken]

    async def stop(self) -> None:
        """Take the promise back: a master that is stopped in order owes no signs."""
        if self.master.config.multiMaster:
            await self._promise(self.master.masterid, None)

    async def _look(self, now: float) -> list[Any]:
        """The other masters that should live, each with its pulse noted.

        Time in which nobody looked here is no silence of theirs: the database was away, this process stood still, or
        the clock was set.
        """
        gap = BEAT if self._looked is None else now - self._looked
        unseen = 0.0 if 0.0 <= gap <= 2 * BEAT else gap - BEAT
        old, self._pulses, owing = self._pulses, {}, []
        for one in await self.master.db.masters.getMasters():
            promised = one.id != self.master.masterid and await self._promised(one.id)
            if one.id != self.master.masterid and (one.active or promised):
                before = old.get(one.id, Pulse(one.last_active, now - unseen))
                before = replace(before, at=before.at + unseen)
                self._pulses[one.id] = before.seen(one.last_active, now, promised=promised)
                owing.append(one)
        self._looked = now
        return owing

    async def _take_over(self, number: int, name: str) -> None:
        """End what the peer had begun. The promise goes last: who is killed in here leaves the rest to others."""
        # Buildbot looks after a master that it counted as active only, and would not come back to one half done.
        kinds: Any = self.master.data.rtypes
        await kinds.master._masterDeactivatedHousekeeping(number, name)  # noqa: SLF001
        updates: Any = self.master.data.updates
        await updates.masterStopped(name=name, masterid=number)
        await self._free_requests(number)
        await self._promise(number, None)
        del self._pulses[number]

    async def _promise(self, number: int | None, seconds: float | None) -> None:
        """Write a master's promise of a sign every so many seconds, or that there is none."""
        state = self.master.db.state
        await state.setState(await state.getObjectId(*PROMISE), str(number), seconds)

    async def _promised(self, number: int) -> bool:
        state = self.master.db.state
        return await state.getState(await state.getObjectId(*PROMISE), str(number), None) is not None

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
