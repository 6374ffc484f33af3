# SPDX-License-Identifier: GPL-2.0-only
"""One engineer's pushes that stand directly one on the other: those that go along with a revert, or ride together."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
