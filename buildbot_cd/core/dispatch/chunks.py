# SPDX-License-Identifier: GPL-2.0-only
"""Who takes what: the longest way to the end to the fastest worker, much at first, little at the end.

Chunk sizes follow guided self-scheduling: a worker takes its part of what is left, in proportion to its speed. A test
that only waits for tests of the chunk, or for what the worker is still at, comes along (a chain needs no round trip a
link). A slow worker leaves a test alone if a faster one, though it has to come free first, would end it earlier and the
run would otherwise be longer.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch.deal import dealt
from buildbot_cd.core.dispatch.offer import to_the_end

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Asker, Offer, Pace, Ready, Waiting


def assign(askers: Sequence[Asker], offer: Offer, pace: Pace) -> dict[str, tuple[str, ...]]:
    """By name of each asking worker the nids that it takes, in the order in which it runs them.

    A worker gets nothing if nothing may run, if everything that may avoids it, or if it should leave what there is to
    faster ones. Tests of a group that are ready go together; a suspect (`Ready.alone`) travels alone.
    """
    shares = _Shares(askers, offer, to_the_end(pace, offer.remaining, len(askers) + len(offer.others)))
    ordered = sorted(askers, key=lambda one: (-one.speed, one.name))
    slices = {one.name: shares.of(one, ordered[number + 1 :]) for number, one in enumerate(ordered)}
    return dealt(slices, ordered, offer)


@dataclass(slots=True)
class _Unit:
    """What travels together, with its sum and the way from its start to the end."""

    tests: list[Ready]
    seconds: float
    rank: float
    promised: bool = False

    @property
    def followed(self) -> bool:
        """Whether others wait for it."""
        return self.rank > self.seconds * (1 + 1e-9)


class _Shares:
    """What is left while the askers are served one after the other, the fastest first."""

    def __init__(self, askers: Sequence[Asker], offer: Offer, pace: Pace) -> None:
        self._pace = pace
        self._units = _units(offer.ready)
        self._followers = _followers(offer.waiting)
        self._left = offer.remaining
        speeds = [*(one.speed for one in askers), *(one.speed for one in offer.others)]
        self._speed = sum(speeds)
        self._busy = [[one.free_in, one.speed] for one in offer.others]
        held = sum(one.left for one in offer.others if one.left < float("inf"))
        ranks = (*(unit.rank for unit in self._units), *(one.test.rank for one in offer.waiting))
        longest = max(ranks, default=0.0)
        self._horizon = max((offer.remaining + held) / self._speed, longest / max(speeds))

    def of(self, asker: Asker, behind: Sequence[Asker]) -> tuple[str, ...]:
        """The asker's chunk; ``behind`` are those that ask at this moment too: they get their part, however little."""
        # A hair more, so that sums of many small numbers do not leave a test behind, which costs a round trip.
        fair = self._left * (1 + 1e-9) / (asker.speed + sum(one.speed for one in behind))
        size = min(max(self._pace.least, self._left / (self._pace.k * self._speed)), fair) * asker.speed
        at, chunk = self._first(asker), _Chunk(asker, self._followers)
        own = chunk.follower()
        while own is not None and self._better_elsewhere(asker, _Unit([own], own.seconds, own.rank)):
            chunk.leave()
            own = chunk.follower()
        if own is not None and (at is None or own.rank >= self._units[at].rank):
            chunk.add([own])
        elif at is not None:
            chunk.add(self._units.pop(at).tests)
        if chunk.tests and not chunk.tests[0].alone:
            self._fill(chunk, asker, size, at or 0, len(behind))
        if not chunk.tests:
            self._busy.append([2 * self._pace.overhead, asker.speed])
        self._left = max(self._left - chunk.seconds, 0.0)
        return tuple(test.nid for test in chunk.tests)

    def _first(self, asker: Asker) -> int | None:
        """The place of the unit that the asker begins with."""
        for at, unit in enumerate(self._units):
            if _may(asker, unit) and not self._better_elsewhere(asker, unit):
                return at
        return None

    def _better_elsewhere(self, asker: Asker, unit: _Unit) -> bool:
        """Whether the run would be longer for it, and a faster worker, expected to come free, would end it earlier.

        That worker is then taken to be busy with it: it cannot be waited for twice.
        """
        if unit.promised:
            return True
        own = unit.rank / asker.speed
        if own <= self._horizon * (1 + 1e-9) or any(test.avoid for test in unit.tests):
            return False
        faster = [one for one in self._busy if one[1] > asker.speed and one[0] + unit.rank / one[1] < own]
        if not faster:
            return False
        chosen = min(faster, key=lambda one: one[0] + unit.rank / one[1])
        chosen[0] += unit.seconds / chosen[1]
        unit.promised = True
        return True

    def _fill(self, chunk: _Chunk, asker: Asker, size: float, at: int, behind: int) -> None:
        """Add what fits, the chunk's own followers before other tests."""
        fits = chunk.takes_followers(size)
        while fits and at < len(self._units) > behind:
            unit = self._units[at]
            if unit.promised or not _may(asker, unit) or unit.tests[0].alone or self._urgent(unit, chunk, asker):
                at += 1
                continue
            if chunk.seconds + unit.seconds > size:
                return
            chunk.add(self._units.pop(at).tests)
            fits = chunk.takes_followers(size)

    def _urgent(self, unit: _Unit, chunk: _Chunk, asker: Asker) -> bool:
        """Whether what waits for this unit cannot wait until the chunk comes to it."""
        return unit.followed and (chunk.seconds + unit.rank) / asker.speed > self._horizon


class _Chunk:
    """What an asker has so far, and what may follow: it waits for nothing but what the asker does before."""

    def __init__(self, asker: Asker, followers: Mapping[str, Sequence[Waiting]]) -> None:
        self.tests: list[Ready] = []
        self.seconds = 0.0
        self._asker, self._followers = asker, followers
        self._before: set[str] = set()
        self._free: list[tuple[float, int, Ready]] = []
        self._tie = itertools.count()
        self._does(asker.holds)

    def add(self, tests: Sequence[Ready]) -> None:
        """Put these behind what is there."""
        self.tests += tests
        self.seconds += sum(one.seconds for one in tests)
        self._does([one.nid for one in tests])

    def _does(self, nids: Collection[str]) -> None:
        for nid in nids if self._asker.keeps_order else ():
            self._before.add(nid)
            for one in self._followers.get(nid, ()):
                allowed = one.test.avoid != self._asker.name and not one.test.alone
                if allowed and len(self._before.intersection(one.requires)) >= one.unmet:
                    heapq.heappush(self._free, (-one.test.rank, next(self._tie), one.test))

    def follower(self) -> Ready | None:
        """The best one."""
        while self._free and self._free[0][2].nid in self._before:
            heapq.heappop(self._free)
        return self._free[0][2] if self._free else None

    def leave(self) -> None:
        """Let the best one be taken by somebody else, when it may run."""
        heapq.heappop(self._free)

    def takes_followers(self, size: float) -> bool:
        """Add what follows, best first. False if one does not fit: then the chunk ends, so that it is not delayed."""
        while (best := self.follower()) is not None:
            if self.seconds + best.seconds > size:
                return False
            self.add([best])
        return True


def _followers(waiting: Sequence[Waiting]) -> dict[str, list[Waiting]]:
    """The tests that wait, by each that they wait for."""
    found: dict[str, list[Waiting]] = {}
    for one in waiting:
        for nid in dict.fromkeys(one.requires):
            found.setdefault(nid, []).append(one)
    return found


def _may(asker: Asker, unit: _Unit) -> bool:
    return all(test.avoid != asker.name for test in unit.tests)


def _units(ready: Sequence[Ready]) -> list[_Unit]:
    """What travels together, longest way first. Equal ranks keep the order in which they are given."""
    units: list[_Unit] = []
    groups: dict[str, _Unit] = {}
    for test in ready:
        if test.group is not None and not test.alone and test.group in groups:
            unit = groups[test.group]
            unit.tests.append(test)
            unit.seconds += test.seconds
            unit.rank = max(unit.rank, test.rank, unit.seconds)
            continue
        unit = _Unit([test], test.seconds, test.rank)
        units.append(unit)
        if test.group is not None and not test.alone:
            groups[test.group] = unit
    return sorted(units, key=lambda unit: (-unit.rank, -unit.seconds)) if groups else units
