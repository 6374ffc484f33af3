# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from twisted.internet import defer

from buildbot_cd.engine.peers import BEAT, SILENCE, Peers, Pulse

if TYPE_CHECKING:
    from buildbot.master import BuildMaster


def after(beats: int, *, promised: bool) -> tuple[Pulse, float]:
    """A peer's pulse after so many signs, looked at every `BEAT` seconds, and the time of the last sign."""
    pulse, now = Pulse(0, 0.0, promised), 0.0
    for sign in range(beats):
        now += BEAT
        pulse = pulse.seen(sign + 1, now, promised=promised)
        assert not pulse.gone(now)
    return pulse, now


@pytest.mark.parametrize("beats", [0, 1, 4])
def test_a_peer_that_promised_signs_is_gone_when_it_is_silent(beats: int) -> None:
    """Not before the silence is over, and then at once; also one that was never heard here."""
    pulse, last = after(beats, promised=True)
    assert not pulse.gone(last + SILENCE)
    assert pulse.gone(last + SILENCE + 0.1)


def test_a_master_that_promised_nothing_is_left_to_buildbot() -> None:
    """A peer without this package, or one that was stopped in order, never counts as gone here."""
    pulse, last = after(4, promised=False)
    assert not pulse.gone(last + 10_000)


class Masters:
    """A master object with what `Peers` asks of it; ``signs`` are the peers' last signs by number."""

    def __init__(self) -> None:
        self.masterid, self.name = 1, "first"
        self.signs, self.active = {2: 0}, {1: True, 2: True}
        self.promises: dict[str, float | None] = {"2": BEAT}
        self.ended: list[int] = []
        self.config = SimpleNamespace(multiMaster=True)
        self.db = SimpleNamespace(masters=self, state=self)
        self.data = SimpleNamespace(updates=self, rtypes=SimpleNamespace(master=self))
        self.botmaster = SimpleNamespace(maybeStartBuildsForAllBuilders=lambda: None)

    async def masterActive(self, name: str, masterid: int) -> None:
        """As Buildbot's; so are the others."""
        self.active[masterid] = True

    async def masterStopped(self, name: str, masterid: int) -> None:  # noqa: D102 - as Buildbot's
        self.active[masterid] = False

    async def _masterDeactivatedHousekeeping(self, masterid: int, name: str) -> None:
        self.ended.append(masterid)

    async def getMasters(self) -> list[SimpleNamespace]:  # noqa: D102 - as Buildbot's
        rows = {1: 0, **self.signs}
        return [SimpleNamespace(id=n, name=f"m{n}", active=self.active[n], last_active=at) for n, at in rows.items()]

    async def getObjectId(self, name: str, kind: str) -> int:  # noqa: D102 - as Buildbot's
        return 1

    async def setState(self, ident: int, name: str, value: float | None) -> None:  # noqa: D102 - as Buildbot's
        self.promises[name] = value

    async def getState(self, ident: int, name: str, default: None) -> float | None:  # noqa: D102 - as Buildbot's
        return self.promises.get(name, default)


class Fenced(Peers):
    """Without the one statement of SQL."""

    async def _free_requests(self, peer: int) -> None:
        assert peer == 2


def beat(peers: Peers, now: float) -> list[str]:
    """One beat; nothing in it waits."""
    told: list[list[str]] = []
    defer.ensureDeferred(peers.beat(now)).addCallback(told.append)
    return told[0]


def test_a_peer_that_died_before_its_second_sign_is_taken_over_once() -> None:
    """The promise in the database is enough, and what it began is ended once."""
    master = Masters()
    peers = Fenced(cast("BuildMaster", master))
    taken = [beat(peers, BEAT * turn) for turn in range(12)]
    assert [one for one in taken if one] == [["m2"]]
    assert (master.ended, master.active[2], master.promises["2"]) == ([2], False, None)


def test_time_in_which_nobody_looked_is_no_silence() -> None:
    """The database was away, or the clock was set: the peer has its whole time anew."""
    master = Masters()
    peers = Fenced(cast("BuildMaster", master))
    for number, start in enumerate((0.0, 5000.0, 100.0)):
        master.signs[2] = number
        assert [beat(peers, start + BEAT * turn) for turn in range(4)] == [[], [], [], []]
    assert [beat(peers, 100.0 + BEAT * turn) for turn in (4, 5)] == [[], ["m2"]]


def test_a_master_that_is_stopped_in_order_takes_its_promise_back() -> None:
    """Then its silence says nothing."""
    master = Masters()
    peers = Fenced(cast("BuildMaster", master))
    beat(peers, 0.0)
    assert master.promises["1"] == BEAT
    defer.ensureDeferred(peers.stop())
    assert master.promises["1"] is None
