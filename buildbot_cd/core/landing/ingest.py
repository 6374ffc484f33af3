# SPDX-License-Identifier: GPL-2.0-only
"""From what was seen on trunk to landings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.moves import Move, NewLanding, gate_notice, halted_gate
from buildbot_cd.core.landing.values import Gate, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Seen:
    """One commit on trunk's first-parent line."""

    sha: str
    parent: str
    engineer: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the gate's records say of observed commits: its own reverts, the ends of landings that it has already, and
    commits that may be its own, which only the answer of a revert under way will tell.
    """

    ours: frozenset[str] = field(default_factory=frozenset)
    heads: frozenset[str] = field(default_factory=frozenset)
    unsure: frozenset[str] = field(default_factory=frozenset)


def seen_from(commits: Iterable[Mapping[str, Any]]) -> tuple[Seen, ...]:
    """Commits as the git program reports them; the engineer is the committer's address, else the author's."""
    return tuple(
        Seen(
            sha=str(one["sha"]),
            parent=str(one["parent"] or ""),
            engineer=str(one.get("committer_email") or one.get("author_email") or "unknown").lower(),
            subject=str(one.get("subject", "")),
            message=str(one.get("message", "")),
        )
        for one in commits
    )


def pushes(commits: Sequence[Seen]) -> tuple[NewLanding, ...]:
    """Neighbouring commits of one engineer are one landing: they came together, so they are tested together.

    A gap in the line of parents, where a commit is not the engineer's or is known already, parts them.
    """
    runs: list[list[Seen]] = [[one] for one in commits[:1]]
    for before, one in pairwise(commits):
        if one.parent == before.sha and one.engineer == before.engineer:
            runs[-1].append(one)
        else:
            runs.append([one])
    return tuple(
        NewLanding(
            run[0].parent, run[-1].sha, run[0].engineer, run[-1].subject, "\n\n".join(one.message for one in run)
        )
        for run in runs
    )


def observed(gate: Gate, result: Mapping[str, Any], known: Known) -> Move | None:
    """What an observation of trunk means; None if there is nothing new in it.

    The first observation takes trunk as it is for tested and live. Observations may come late, doubled and out of
    order: only what stands behind the newest commit that was taken in counts. At a commit that may be a revert of the
    gate's own, taking in stops until that revert has answered.
    """
    tip = str(result["tip"])
    if gate.trunk is None:
        first = replace(gate, trunk=tip, tested=gate.tested or tip, live=gate.live or tip)
        return Move(f"first look at trunk: {tip[:12]} counts as live", gate=first)
    if result.get("rewritten"):
        text = f"trunk was rewritten: {gate.trunk[:12]} is not an ancestor of {tip[:12]}; resume when it is right"
        if gate.mode is Mode.HALTED:
            return None
        return Move(text, gate=halted_gate(gate, text), effects=(gate_notice(gate, "halted", text),))
    commits = _until_unsure(_behind(gate.trunk, seen_from(result.get("commits", ()))), known.unsure)
    if not commits:
        return None
    fresh = tuple(one for one in commits if one.sha not in known.ours and one.sha not in known.heads)
    return Move(f"{len(fresh)} new commits on trunk", gate=replace(gate, trunk=commits[-1].sha), new=pushes(fresh))


def _behind(trunk: str, commits: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """The commits after ``trunk``; none if they do not continue it, as those of an older look do not."""
    for place, one in enumerate(commits):
        if one.parent == trunk:
            return commits[place:]
    return ()


def _until_unsure(commits: tuple[Seen, ...], unsure: frozenset[str]) -> tuple[Seen, ...]:
    places = [place for place, one in enumerate(commits) if one.sha in unsure]
    return commits[: places[0]] if places else commits
