# SPDX-License-Identifier: GPL-2.0-only
"""Who holds which tests of a run, in memory."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.store.errors import missing
from buildbot_cd.store.forms.runs import cannot_take
from buildbot_cd.store.rows import (
    HARMLESS,
    Holder,
    Look,
    PlannedTest,
    QueuedTest,
    Run,
    RunState,
    RunTest,
    Share,
    WorkState,
)
from buildbot_cd.store.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from buildbot_cd.core.dispatch.offer import Window
    from buildbot_cd.store.memory.tables import Tables


class MemoryClaims:
    """The part of `interface_work.Runs` that is about claims."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def tests(self, ident: int) -> tuple[RunTest, ...]:
        self._existing(ident)
        return tuple(test for (run, _), test in self._tables.run_tests.items() if run == ident)

    def look(self, ident: int, window: Window) -> Look:
        if self._existing(ident).state is not RunState.RUNNING:
            return Look((), (), 0.0, ())
        waiting = [test for test in self.tests(ident) if test.state is WorkState.WAITING]
        unmet = {test.nid: len(self._open(ident, test)) for test in waiting}
        ordered = sorted(waiting, key=lambda test: (-test.rank, test.position))
        remaining = sum(test.estimate for test in waiting)
        ready = [_queued(test, 0) for test in ordered if not unmet[test.nid]]
        ready = ready[: window.shown([test.estimate for test in ready], remaining)]
        blocked = [_queued(test, unmet[test.nid]) for test in ordered if unmet[test.nid]]
        blocked = blocked[: max(window.most, len(ready))]
        return Look(tuple(ready), tuple(blocked), remaining, self._holders(ident))

    def _open(self, ident: int, test: RunTest) -> set[str]:
        """What the test still waits for."""
        needs = {self._tables.run_tests.get((ident, nid)) for nid in test.requires}
        return {one.nid for one in needs if one and (one.state is not WorkState.DONE or one.outcome not in HARMLESS)}

    def _holders(self, ident: int) -> tuple[Holder, ...]:
        by_worker: dict[str, list[RunTest]] = {}
        for test in self.held(ident):
            by_worker.setdefault(test.worker or "", []).append(test)
        return tuple(
            Holder(worker, len(tests), sum(one.estimate for one in tests), min(one.claimed_at or 0.0 for one in tests))
            for worker, tests in sorted(by_worker.items())
        )

    def take(
        self, ident: int, worker: str, nids: Sequence[str], at: float, lease_until: float
    ) -> tuple[PlannedTest, ...]:
        return self.deal(ident, [Share(worker, tuple(nids), lease_until)], at).get(clean(worker), ())

    def deal(self, ident: int, shares: Sequence[Share], at: float) -> dict[str, tuple[PlannedTest, ...]]:
        if self._existing(ident).state is not RunState.RUNNING:
            return {}
        wanted = [(share, nid) for share in shares for nid in dict.fromkeys(clean(nid) for nid in share.nids)]
        taken: dict[str, RunTest] = {}
        for share, nid in wanted:
            test = self._tables.run_tests.get((ident, nid))
            if test is None or test.state is not WorkState.WAITING or nid in taken:
                raise cannot_take(nid)
            held = WorkState.CLAIMED
            name, until = clean(share.worker), share.lease_until
            taken[nid] = replace(test, state=held, worker=name, claimed_at=at, lease_until=until)
        held_by = {one.nid: one.worker for one in (*self.held(ident), *taken.values())}
        for nid, test in taken.items():
            if any(held_by.get(one) != test.worker for one in self._open(ident, test)):
                raise cannot_take(nid)
        for test in taken.values():
            self._put(test)
        return {
            clean(share.worker): tuple(_planned(taken[nid]) for one, nid in wanted if one is share) for share in shares
        }

    def held(self, ident: int) -> tuple[RunTest, ...]:
        return tuple(test for test in self.tests(ident) if test.state is WorkState.CLAIMED)

    def who_holds(self, ident: int, nids: Collection[str]) -> dict[str, str]:
        asked = {clean(nid) for nid in nids}
        return {test.nid: test.worker or "" for test in self.held(ident) if test.nid in asked}

    def copy(self, ident: int, worker: str, nid: str, lease_until: float) -> PlannedTest | None:
        name = clean(worker)
        for test in self.held(ident):
            if test.nid == clean(nid) and test.copied_to is None and test.worker != name:
                self._put(replace(_extended(test, lease_until), copied_to=name))
                return _planned(test)
        return None

    def extend(self, ident: int, worker: str, at: float, until: float, running: str | None = None) -> int:
        name = clean(worker)
        mine = [test for test in self.held(ident) if name in (test.worker, test.copied_to)]
        for test in mine:
            begun = running is not None and test.nid == clean(running) and test.worker == name
            started = at if begun and test.started_at is None else test.started_at
            self._put(replace(_extended(test, until), started_at=started))
        return len(mine)

    def expire(self, ident: int, at: float) -> tuple[str, ...]:
        over = [test for test in self.held(ident) if test.lease_until is not None and test.lease_until < at]
        for test in over:
            self._put(_free(replace(test, crashes=test.crashes + (test.started_at is not None), copied_to=None)))
        return tuple(sorted({test.worker or "" for test in over}))

    def release(self, ident: int, worker: str, suspect: str | None = None) -> int:
        name = clean(worker)
        for test in self.held(ident):
            if test.copied_to == name:
                self._put(replace(test, copied_to=None))
            if suspect is not None and test.worker == name and test.nid == clean(suspect):
                self._put(replace(test, crashes=test.crashes + 1))
        return self._give_up(ident, lambda test: test.worker == name)

    def _give_up(self, ident: int, which: Callable[[RunTest], bool]) -> int:
        given = [test for test in self.held(ident) if which(test)]
        for test in given:
            if test.copied_to is not None:
                self._put(replace(test, worker=test.copied_to, copied_to=None, started_at=None))
            else:
                self._put(_free(test))
        return len(given)

    def _existing(self, ident: int) -> Run:
        found = self._tables.runs.get(ident)
        if found is None:
            raise missing("test run", ident)
        return found

    def _put(self, test: RunTest) -> None:
        self._tables.run_tests[test.run, test.nid] = test


def _free(test: RunTest) -> RunTest:
    waiting = WorkState.WAITING
    return replace(test, state=waiting, worker=None, claimed_at=None, lease_until=None, started_at=None)


def _extended(test: RunTest, until: float) -> RunTest:
    return replace(test, lease_until=until if test.lease_until is None else max(test.lease_until, until))


def _queued(test: RunTest, unmet: int) -> QueuedTest:
    return QueuedTest(
        test.nid,
        test.position,
        test.estimate,
        test.rank,
        test.group,
        test.avoid_worker,
        test.crashes,
        test.requires if unmet else (),
        unmet,
    )


def _planned(test: RunTest) -> PlannedTest:
    return PlannedTest(test.nid, test.estimate, test.rank, test.requires, test.group, test.avoid_worker, test.crashes)
