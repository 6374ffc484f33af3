# SPDX-License-Identifier: GPL-2.0-only
"""What stands on trunk after ``tested``: whose landing each commit belongs to, and what was taken back already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.worker.git.history import is_ancestor, range_of, read, through, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.worker.git.history import Commit, Step
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Identity
    from buildbot_cd.worker.git.run import Git

BASE, HEAD = "CD-Candidate-Base", "CD-Candidate-Head"
"""Trailers by which a built candidate tells which commits of trunk it holds."""

ENTRY, AUTO, REVERTS, ALSO = "CD-Reverts-Entry", "CD-Auto-Revert", "CD-Reverts", "CD-Also-Reverts"
"""Trailers of a revert: its request's key, its kind, the commits asked for, and those that depend on them."""

RANGE = "CD-Reverts-Range"
"""Trailer of a revert that takes merges back: ``base..head``, with all that came by way of them.

What one push brought through the side of a merge, a later pull can put on trunk's own line.
"""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Trunk from ``fork``, where it holds nothing but what ``tested`` holds, to ``tip``.

    ``held``: commits whose change ``tested`` holds already though they stand after ``fork``; ``ours``: the gate's own
    reverts; ``beside``: records, beside trunk, of what needed no revert on it, since it looked right already;
    ``sides``: of a revert, what it took back by way of merges.
    """

    tip: str
    fork: str
    steps: tuple[Step, ...]
    commits: Mapping[str, Commit]
    held: frozenset[str]
    ours: frozenset[str]
    beside: tuple[Commit, ...] = ()
    sides: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def until(self, tip: str) -> tuple[Step, ...]:
        """The steps up to and with ``tip``; none if that is ``fork``."""
        places = [place for place, step in enumerate(self.steps) if step.sha == tip]
        return self.steps[: places[0] + 1] if places else ()

    @property
    def settled(self) -> bool:
        """True if nothing stands there but what ``tested`` holds, what was taken back, and what took it back."""
        known = self.held | self.ours | self.gone(self.steps)
        return all(step.sha in known for step in self.steps)

    def records(self, steps: Sequence[Step]) -> list[Commit]:
        """What stands beside ``steps`` and the fork: changes that others had taken back before the gate did."""
        places = {self.fork, *(step.sha for step in steps)}
        return [one for one in self.beside if one.parents[0] in places]

    def gone(self, steps: Sequence[Step]) -> set[str]:
        """Commits that the gate took back by what it committed on ``steps`` or beside them."""
        reverts = [self.commits[step.sha] for step in steps if step.sha in self.ours]
        reverts += self.records(steps)
        sides = [self.sides.get(one.sha, frozenset()) for one in reverts]
        return (values(reverts, REVERTS) | values(reverts, ALSO)).union(*sides)


def look(mirror: Mirror, tested: str, tip: str, bot: Identity, stops: Iterable[str] = ()) -> Trunk | None:
    """Trunk between ``tested`` and ``tip``; None if they have nothing in common. ``stops``: where trunk stood once."""
    found = _fork(mirror.git, tested, tip)
    if found is None:
        return None
    fork, built = found
    marked = read(mirror.git, sorted(set(mirror.marks("revert").values())))
    mine = {sha: one for sha, one in marked.items() if one.parents and _is_revert(one, bot)}
    # A revert or a record stands on what was trunk's tip, wherever later pulls have put that.
    stood = {sha for one in mine.values() for sha in (one.sha, one.parents[0])}
    steps = through(mirror.git, fork, tip, {*stops, *stood})
    commits = read(mirror.git, [step.sha for step in steps])
    ours = frozenset(mine.keys() & commits.keys())
    beside = tuple(one for sha, one in mine.items() if sha not in ours)
    sides = {one.sha: _sides(mirror.git, one) for one in mine.values() if RANGE in one.trailers}
    return Trunk(tip, fork, steps, commits, _held(mirror.git, built), ours, beside, sides)


def _sides(git: Git, revert: Commit) -> frozenset[str]:
    found: set[str] = set()
    for text in values([revert], RANGE):
        base, _, head = text.partition("..")
        found.update(range_of(git, base, head, first_parent=False))
    return frozenset(found)


def _is_revert(commit: Commit, bot: Identity) -> bool:
    """Asked of commits that a ref names which only the gate may write.

    Committer and trailers alone prove nothing, since anybody can write them.
    """
    return commit.committer_raw.lower() == bot.mail.lower() and AUTO in commit.trailers


def _fork(git: Git, tested: str, tip: str) -> tuple[str, tuple[str, ...]] | None:
    """The newest commit under ``tested`` that trunk holds, and the built candidates above it."""
    if is_ancestor(git, tested, tip):
        return tested, ()
    built = range_of(git, tip, tested)
    bottom = git.run("rev-parse", f"{built[0]}^@").split()
    return (bottom[0], built) if bottom else None


def _held(git: Git, built: tuple[str, ...]) -> frozenset[str]:
    held: set[str] = set()
    for commit in read(git, built).values():
        base, head = commit.trailers.get(BASE, ("",))[-1], commit.trailers.get(HEAD, ("",))[-1]
        if head:
            held.update(range_of(git, None if base == "none" else base, head, first_parent=False))
    return frozenset(held)
