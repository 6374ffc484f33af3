# SPDX-License-Identifier: GPL-2.0-only
"""One engineer's pushes that stand directly one on the other: those that go along with a revert, or ride together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.moves import enter
from buildbot_cd.core.landing.values import Landing, Snapshot, State

if TYPE_CHECKING:
    from buildbot_cd.core.landing.moves import Policy

JUDGED = frozenset({"test", "deploy"})
"""Kinds of revert by which the gate judges a change; a withdrawal is about what it names and nothing else."""


def run_after(snapshot: Snapshot, landing: Landing) -> tuple[Landing, ...]:
    """The queued pushes of the same engineer that stand on this one without another's in between, in trunk's order."""
    waiting = {one.base: one for one in snapshot.landings if one.state is State.QUEUED and not one.revert_kind}
    found: list[Landing] = []
    head = landing.head
    while (after := waiting.get(head)) is not None and after.engineer == landing.engineer:
        found.append(after)
        head = after.head
    return tuple(found)


def taken_along(snapshot: Snapshot, landing: Landing, policy: Policy) -> tuple[Landing, ...]:
    """Later pushes of the same engineer that go along with a revert: most often they mend what is taken back here, and
    alone they would only be tested to fail.
    """
    return run_after(snapshot, landing) if policy.followers and landing.revert_kind in JUDGED else ()


def ride_together(
    snapshot: Snapshot, first: Landing, policy: Policy, now: float
) -> tuple[Landing, tuple[Landing, ...]]:
    """The landing that is admitted, and those that end because it carries them.

    Up to ``policy.together`` pushes of one engineer, from the one that comes next on, become one landing: it is
    tested, deployed and taken back whole. The newest carries the others, which end as bypassed.
    """
    run = [first]
    for after in run_after(snapshot, first):
        if len(run) == policy.together or not _alike(first, after):
            break
        run.append(after)
    if len(run) < 2 or not _alike(first, first):
        return first, ()
    *riders, last = run
    message = "\n\n".join(one.message or one.subject for one in run)
    carrier = replace(last, base=first.base, message=message, patch="")
    why = f"it rides with landing {last.id} of the same engineer"
    gone = [enter(one, State.BYPASSED, now, why, cause=last.id) for one in riders]
    return carrier, tuple(gone)


def _alike(first: Landing, after: Landing) -> bool:
    """Neither waits for something or brings something back, and both are in the same lane."""
    plain = after.not_before is None and after.relands is None and not after.emergency
    return plain and after.priority == first.priority
