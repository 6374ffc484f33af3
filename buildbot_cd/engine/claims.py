# SPDX-License-Identifier: GPL-2.0-only
"""Claims of a run's tests: all that ask at a moment are answered by one transaction, the fastest worker first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.core.dispatch import Asker, Offer, Other, Ready, Speed, Waiting, assign, relative, restarted, warm
from buildbot_cd.core.dispatch.leases import CRASHES, PATIENCE, Held, lease, to_copy
from buildbot_cd.core.dispatch.offer import window
from buildbot_cd.store.rows import PlannedTest, Share, TestResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.dispatch import Pace
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Look, QueuedTest, RunTest


@dataclass(frozen=True, slots=True)
class Ask:
    """A worker that asks for tests of a run; ``alone`` if no other shard shares the run.

    ``restarts`` if its runner is started anew for every chunk. ``holds`` are the tests that the runner goes on with.
    """

    worker: str
    alone: bool = False
    restarts: bool = False
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Given:
    """What a claim gave: by worker its tests. ``doomed`` tests were ended, since runners died in them.

    ``rest`` are the estimated seconds of what still waits.
    """

    shares: Mapping[str, tuple[PlannedTest, ...]] = field(default_factory=dict)
    doomed: tuple[str, ...] = ()
    rest: float = 0.0


def claim(
    tx: Tx, gate: str, run: int, asks: Sequence[Ask], pool: int, overhead: float, now: float, idle: Iterable[str] = ()
) -> Given:
    """Answer everybody that asks; ``pool`` is how many workers share the run at most.

    ``overhead`` is what a chunk costs in seconds, as long as nothing was learnt of that; ``idle`` are workers that got
    nothing when they asked, and will ask again.

    Claims that nobody keeps alive are given up before. A test in which two runners died is ended as an error.
    """
    tx.runs.expire(run, now)
    known = {name: Speed(mean, n, overhead) for name, (mean, n, overhead) in tx.durations.speeds(gate).items()}
    pool = 1 if any(ask.alone for ask in asks) else pool
    costs = [one.overhead for one in known.values() if one.overhead is not None]
    pacing = restarted if any(ask.restarts for ask in asks) else warm
    pace = pacing(sum(costs) / len(costs) if costs else overhead)
    found = _look(tx, run, len(asks), pool, pace)
    doomed = _doom(tx, run, found, now)
    if doomed:
        found = _look(tx, run, len(asks), pool, pace)
    held = _held(tx, run, asks) if found.waiting else {}
    offer, askers = _offer(found, asks, known, pool, held, set(idle))
    assigned = assign(askers, offer, pace) if offer.ready or held else {}
    estimate = {one.nid: one.estimate for one in (*found.ready, *found.waiting)} if assigned else {}
    dealt = [
        Share(worker, nids, now + lease(sum(estimate[nid] for nid in nids)))
        for worker, nids in assigned.items()
        if nids
    ]
    shares = tx.runs.deal(run, dealt, now) if dealt else {}
    rest = found.remaining - sum(one.estimate for tests in shares.values() for one in tests)
    if not found.ready and not found.waiting and found.holders:
        shares |= _copies(tx, run, asks, now)
    return Given(shares, doomed, rest)


def _look(tx: Tx, run: int, askers: int, pool: int, pace: Pace) -> Look:
    return tx.runs.look(run, window(askers, pool, pace))


def _doom(tx: Tx, run: int, found: Look, now: float) -> tuple[str, ...]:
    """End the tests that may run now and in which runners died too often."""
    doomed = [one for one in found.ready if one.crashes >= CRASHES]
    results = [TestResult(one.nid, "error", 0.0, _died(one)) for one in doomed]
    return tx.runs.report(run, "", results, now) if results else ()


def _died(test: QueuedTest) -> str:
    return f"the runner died in this test {test.crashes} times, the last time with nothing else in its process"


def _held(tx: Tx, run: int, asks: Sequence[Ask]) -> dict[str, frozenset[str]]:
    """By worker what its runner is still at. What was given up meanwhile is not its own any more."""
    holders = tx.runs.who_holds(run, [nid for ask in asks for nid in ask.holds])
    held = {ask.worker: frozenset(nid for nid in ask.holds if holders.get(nid) == ask.worker) for ask in asks}
    return {worker: nids for worker, nids in held.items() if nids}


def _offer(
    found: Look,
    asks: Sequence[Ask],
    known: Mapping[str, Speed],
    pool: int,
    held: Mapping[str, frozenset[str]],
    idle: set[str],
) -> tuple[Offer, list[Asker]]:
    names = {ask.worker for ask in asks}
    restarts = {ask.worker for ask in asks if ask.restarts}
    holders = {one.worker: one.seconds for one in found.holders if one.worker not in names}
    idle = idle - names - set(holders)
    speed = relative(known, [*names, *holders, *sorted(idle)])
    lenient = {ask.worker for ask in asks if ask.alone}
    ready = [_ready(one, lenient) for one in found.ready]
    waiting = [Waiting(_ready(one, lenient), one.requires, one.unmet) for one in found.waiting]
    others = [Other(speed[name], left) for name, left in holders.items()]
    others += [Other(speed[name], 0.0, PATIENCE) for name in sorted(idle)]
    others += [Other()] * max(pool - len(names) - len(others), 0)
    askers = [Asker(name, speed[name], held.get(name, ()), name not in restarts) for name in sorted(names)]
    return Offer(ready, found.remaining, others, waiting), askers


def _ready(test: QueuedTest, lenient: set[str]) -> Ready:
    avoid = None if test.avoid_worker in lenient else test.avoid_worker
    return Ready(test.nid, test.estimate, test.rank, test.group, avoid, test.crashes > 0)


def _copies(tx: Tx, run: int, asks: Sequence[Ask], now: float) -> dict[str, tuple[PlannedTest, ...]]:
    """For whoever has nothing to do: a test of a worker that is late."""
    copies: dict[str, tuple[PlannedTest, ...]] = {}
    for ask in asks:
        claimed = tx.runs.held(run)
        undone = {one.nid for one in claimed}
        nid = to_copy(ask.worker, [_as_held(one, undone, now) for one in claimed])
        copied = None if nid is None else tx.runs.copy(run, ask.worker, nid, now + lease(0.0))
        if copied is not None:
            copies[ask.worker] = (copied,)
    return copies


def _as_held(test: RunTest, undone: set[str], now: float) -> Held:
    running = None if test.started_at is None else now - test.started_at
    waits = not undone.isdisjoint(test.requires)
    return Held(test.nid, test.worker or "", test.estimate, running, test.group, test.copied_to is not None, waits)
