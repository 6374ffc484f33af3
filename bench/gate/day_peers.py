# SPDX-License-Identifier: GPL-2.0-only
"""The other ways to bring a day's pushes to production, as their manuals have them; doubts are in their favour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.gate.day import Outcome, Push

REACTS = 600.0
"""Stock: seconds in which an author reads the failure mail and pushes the revert by hand."""

BATCH = 8
"""Merge queue: the most changes tested together."""


def stock(pushes: Sequence[Push], found: Outcome, test: float, deploy: float) -> Outcome:
    """One exclusive lock around test and deploy, first come first served; nothing is reverted but by hand.

    A build tests trunk as it was at its commit: with every bad change before it that nobody has reverted yet.
    """
    todo = [(one.at, one, number) for number, one in enumerate(pushes)]
    broken: set[int] = set()
    waiting: list[Push] = []
    free = 0.0
    while todo:
        at, push, number = todo.pop(0)
        start = max(free, at)
        if number >= 0:
            found.test.append(start - at)
            waiting += [] if push.bad else [push]
            if push.bad:
                broken.add(number)
        else:
            broken.discard(-number - 1)
        free = start + test
        if broken:
            found.innocent += number >= 0 and not push.bad
            if number >= 0 and push.bad:
                todo = sorted([*todo, (free + REACTS, push, -number - 1)], key=lambda one: one[0])
            continue
        free += deploy
        found.live += [free - one.at for one in waiting]
        found.together = max(found.together, len(waiting))
        waiting = []
    return found


def serial(pushes: Sequence[Push], found: Outcome, test: float, deploy: float, again: float) -> Outcome:
    """The same gate with one slot for test and deploy together: the next waits until the one before is live."""
    free = 0.0
    for push in pushes:
        start = max(free, push.at)
        found.test.append(start - push.at)
        free = start + test + (again if push.bad else deploy)
        if not push.bad:
            found.live.append(free - push.at)
    return found


def batching(pushes: Sequence[Push], found: Outcome, test: float, deploy: float) -> Outcome:
    """A merge queue: all that waits is tested together; a red batch is halved until the bad change stands alone.

    What has passed is deployed while the next batch is tested; a deploy takes all that has passed by then.
    """
    queue, halves = list(pushes), list[list["Push"]]()
    begun: dict[int, float] = {}
    free, deployer = 0.0, 0.0
    passed: list[tuple[float, list[Push]]] = []
    while queue or halves:
        start = max(free, queue[0].at) if not halves else free
        ready = [one for one in queue if one.at <= start][:BATCH]
        batch = halves.pop(0) if halves else ready
        queue = [one for one in queue if one not in batch]
        for one in batch:
            begun.setdefault(id(one), start)
        free = start + test
        if not any(one.bad for one in batch):
            passed.append((free, batch))
        elif len(batch) > 1:
            found.innocent += sum(not one.bad for one in batch)
            halves = [batch[: len(batch) // 2], batch[len(batch) // 2 :], *halves]
    found.test += [begun[id(one)] - one.at for one in pushes]
    while passed:
        start = max(deployer, passed[0][0])
        now = [one for at, batch in passed if at <= start for one in batch]
        passed = [(at, batch) for at, batch in passed if at > start]
        deployer = start + deploy
        found.live += [deployer - one.at for one in now]
        found.together = max(found.together, len(now))
    return found
