# SPDX-License-Identifier: GPL-2.0-only
"""What trunk shall look like after a revert: the surviving landings, replayed on ``tested``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.worker.git.history import range_of
from buildbot_cd.worker.git.request import Range
from buildbot_cd.worker.git.trees import pick, tree_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.worker.git.history import Step
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.revert_request import Ask
    from buildbot_cd.worker.git.run import Git
    from buildbot_cd.worker.git.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change that shall stay. ``known``: it is a landing of the request, and not just a commit found on trunk.

    ``conflicts``: why it cannot stay; None if it can. ``commits``: its commits on trunk, oldest first.
    """

    range: Range
    known: bool
    commits: tuple[str, ...]
    conflicts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``tree``: trunk as it shall be on top of ``tip``; ``evicted``: what does not replay; ``unseen``: strangers."""

    tip: str
    tree: str
    bad: tuple[Survivor, ...]
    evicted: tuple[Survivor, ...]
    unseen: tuple[Survivor, ...]

    @property
    def taken_back(self) -> tuple[Survivor, ...]:
        """All that the revert takes back: what was asked for, and what depends on it."""
        return (*self.bad, *self.evicted)


def plan(mirror: Mirror, ask: Ask, trunk: Trunk, tip: str) -> Plan:
    """The plan for a revert on top of ``tip``, which is trunk's tip or, for a revert made before, its parent."""
    git, steps = mirror.git, trunk.until(tip)
    gone = trunk.gone(steps)
    bad = tuple(Survivor(one, known=True, commits=_standing(git, one, gone)) for one in ask.bad)
    tree = tree_of(git, ask.tested)
    evicted: list[Survivor] = []
    unseen: list[Survivor] = []
    for one in survivors(git, ask, trunk, steps):
        found = pick(git, tree, one.range.base, one.range.head)
        tried = one if found.tree else Survivor(one.range, one.known, one.commits, found.conflicts)
        tree = found.tree or tree
        if not found.tree:
            evicted.append(tried)
        if not one.known:
            unseen.append(tried)
    return Plan(tip, tree, bad, tuple(evicted), tuple(unseen))


def _standing(git: Git, one: Range, gone: set[str]) -> tuple[str, ...]:
    """The landing's commits but for those that a revert of the gate took back already: that one names them."""
    every = range_of(git, one.base, one.head)
    return tuple(sha for sha in every if sha not in gone) or every


def survivors(git: Git, ask: Ask, trunk: Trunk, steps: Sequence[Step]) -> tuple[Survivor, ...]:
    """All that shall stay, in trunk's order: the request's landings, and every commit that nobody accounts for.

    Such a commit came after the request was made, or belongs to a landing that is being taken back by a request of
    its own. Nobody asked to undo it here, so it stays.
    """
    gone = trunk.gone(steps)
    known = [
        Survivor(one, known=True, commits=_standing(git, one, gone)) for one in ask.survivors if one.head not in gone
    ]
    asked = (*ask.bad, *ask.survivors)
    accounted = {sha for one in asked for sha in range_of(git, one.base, one.head, first_parent=False)}
    accounted |= trunk.held | trunk.ours | gone
    strangers = [
        Survivor(Range(step.sha, step.parent, step.sha), known=False, commits=(step.sha,))
        for step in steps
        if step.sha not in accounted
    ]
    places = {step.sha: place for place, step in enumerate(steps)}
    return tuple(sorted((*known, *strangers), key=lambda one: places.get(one.range.head, -1)))
