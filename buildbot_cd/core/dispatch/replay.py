# SPDX-License-Identifier: GPL-2.0-only
"""A run played through with a made-up clock: the same rule assigns as in production.

For the question "what if": other workers, other speeds, a test split in two. `buildbot-cd capacity` and the benchmarks
ask it.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch.chunks import assign
from buildbot_cd.core.dispatch.offer import Asker, Offer, Other, Ready, Waiting, window
from buildbot_cd.core.dispatch.speeds import Speed, relative, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Pace, Window
    from buildbot_cd.core.dispatch.order import Queued
    from buildbot_cd.core.dispatch.work import Work

    Assign = Callable[[Sequence[Asker], Offer, Pace], Mapping[str, Sequence[str]]]

FLUSH = 5.0
"""Seconds after which a worker at the latest sends on what a running command wrote."""


@dataclass(frozen=True, slots=True)
class Machines:
    """The workers: true ``speeds`` by name; ``start`` seconds before the first chunk, ``pace`` with each one's cost.

    A worker asks again when its work will be over in `ahead` seconds, so that the way to the master takes no time.
    """

    speeds: Mapping[str, float]
    start: float
    pace: Pace

    @property
    def ahead(self) -> float:
        """How early a worker asks: two ways to the master."""
        return 2 * self.pace.overhead


@dataclass
class Played:
    """How it went: seconds to the last result, busy seconds a worker, chunks, and what was learnt of the speeds."""

    makespan: float = 0.0
    busy: dict[str, float] = field(default_factory=dict)
    chunks: int = 0
    speeds: dict[str, Speed] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)


def play(
    works: Sequence[Work],
    queue: Sequence[Queued],
    actual: Mapping[str, float],
    machines: Machines,
    speeds: Mapping[str, Speed] | None = None,
    rule: Assign = assign,
) -> Played:
    """Play the run: ``queue`` is its order with estimates, ``actual`` the true seconds at speed 1.

    ``speeds`` are what was learnt of the workers before; they go on learning. Results count when the master would see
    them: when their worker asks again, or sends on what it gathered. Every test passes.
    """
    return _Play(works, queue, actual, machines, dict(speeds or {}), rule).run()


class _Play:
    """One run being played."""

    def __init__(
        self,
        works: Sequence[Work],
        queue: Sequence[Queued],
        actual: Mapping[str, float],
        machines: Machines,
        speeds: dict[str, Speed],
        rule: Assign,
    ) -> None:
        self.actual, self.machines, self.rule = actual, machines, rule
        self.played = Played(busy=dict.fromkeys(machines.speeds, 0.0), speeds=speeds)
        self.clock = 0.0
        self._tie = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._asking: list[str] = []
        self._held: dict[str, float] = dict.fromkeys(machines.speeds, float("inf"))
        self._free: dict[str, float] = dict.fromkeys(machines.speeds, 0.0)
        self._unseen: dict[str, dict[str, float]] = {name: {} for name in machines.speeds}
        self._queue = _Queue(works, queue)

    def run(self) -> Played:
        for name in self.machines.speeds:
            self._at(self.machines.start, self._asks(name))
        while self._events:
            self.clock = self._events[0][0]
            while self._events and self._events[0][0] == self.clock:
                heapq.heappop(self._events)[2]()
            if self._asking:
                self._serve()
        return self.played

    def _at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._tie), what))

    def _asks(self, name: str) -> Callable[[], None]:
        def ask() -> None:
            for nid in [nid for nid, end in self._unseen[name].items() if end <= self.clock]:
                self._see(name, nid)
            if name not in self._asking:
                self._asking.append(name)

        return ask

    def _serve(self) -> None:
        """Answer all that ask. Who gets nothing and has work left does it and asks once more; the others wait."""
        for name, nids in self._shares().items():
            if nids:
                self._asking.remove(name)
                self._queue.take(nids)
                self._run_chunk(name, nids)
        for name in [one for one in self._asking if self._free[one] > self.clock]:
            self._asking.remove(name)
            self._at(self._free[name], self._asks(name))

    def _shares(self) -> Mapping[str, Sequence[str]]:
        if not self._queue.ready and not any(self._unseen[name] for name in self._asking):
            return {}
        known = relative(self.played.speeds, self.machines.speeds)
        others = [Other(known[name], left) for name, left in self._held.items() if name not in self._asking]
        offer = self._queue.offer(window(len(self._asking), len(known), self.machines.pace), others)
        askers = [Asker(name, known[name], self._unseen[name]) for name in self._asking]
        return self.rule(askers, offer, self.machines.pace)

    def _run_chunk(self, name: str, nids: Sequence[str]) -> None:
        self.played.chunks += 1
        if self._held[name] == float("inf"):
            self._held[name] = 0.0
        self._held[name] += sum(self._queue.seconds[nid] for nid in nids)
        arrives = self.clock + self.machines.pace.overhead
        begun = when = max(self._free[name], arrives)
        for nid in nids:
            when += self.actual[nid] / self.machines.speeds[name]
            self.played.ended[nid] = self._unseen[name][nid] = when
            self._at(when + FLUSH, self._seen_late(name, nid))
        self.played.busy[name] += when - begun
        self.played.makespan = max(self.played.makespan, when)
        self._free[name] = when
        self._at(max(when - self.machines.ahead, arrives), self._asks(name))

    def _seen_late(self, name: str, nid: str) -> Callable[[], None]:
        def seen() -> None:
            if nid in self._unseen[name]:
                self._see(name, nid)

        return seen

    def _see(self, name: str, nid: str) -> None:
        """A result comes to the master."""
        del self._unseen[name][nid]
        expected = self._queue.seconds[nid]
        self._held[name] = max(self._held[name] - expected, 0.0)
        pair = (expected, self.actual[nid] / self.machines.speeds[name])
        self.played.speeds[name] = watched(self.played.speeds.get(name, Speed()), [pair])
        self._queue.passed(nid)


class _Queue:
    """What the store does, in memory and for many runs a second."""

    def __init__(self, works: Sequence[Work], queue: Sequence[Queued]) -> None:
        by_nid = {work.nid: work for work in works}
        self.seconds = {one.nid: one.seconds for one in queue}
        self.remaining = sum(self.seconds.values())
        self._tests = {one.nid: Ready(one.nid, one.seconds, one.rank, by_nid[one.nid].group) for one in queue}
        self._key = {one.nid: (-one.rank, one.position, one.nid) for one in queue}
        self._needs = {
            one.nid: tuple(dict.fromkeys(nid for nid in by_nid[one.nid].requires if nid in self._key)) for one in queue
        }
        self._after: dict[str, list[str]] = {}
        for nid, needs in self._needs.items():
            for need in needs:
                self._after.setdefault(need, []).append(nid)
        self._unmet = {nid: len(needs) for nid, needs in self._needs.items()}
        self.ready = sorted(self._key[nid] for nid, unmet in self._unmet.items() if not unmet)
        self._blocked = sorted(self._key[nid] for nid, unmet in self._unmet.items() if unmet)
        self._taken: set[str] = set()

    def offer(self, window: Window, others: Sequence[Other]) -> Offer:
        most = window.shown([self.seconds[nid] for _, _, nid in self.ready], self.remaining)
        ready = [self._tests[nid] for _, _, nid in self.ready[:most]]
        blocked = [nid for _, _, nid in self._blocked[: max(window.most, len(ready))]]
        waiting = [Waiting(self._tests[nid], self._needs[nid], self._unmet[nid]) for nid in blocked]
        return Offer(ready, self.remaining, others, waiting)

    def take(self, nids: Sequence[str]) -> None:
        for nid in nids:
            self._taken.add(nid)
            self.remaining -= self.seconds[nid]
            _without(self.ready if not self._unmet[nid] else self._blocked, self._key[nid])

    def passed(self, nid: str) -> None:
        for after in self._after.get(nid, ()):
            self._unmet[after] -= 1
            if not self._unmet[after] and after not in self._taken:
                _without(self._blocked, self._key[after])
                bisect.insort(self.ready, self._key[after])


def _without(keys: list[tuple[float, int, str]], key: tuple[float, int, str]) -> None:
    del keys[bisect.bisect_left(keys, key)]
