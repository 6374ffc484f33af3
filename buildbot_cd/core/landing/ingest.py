# SPDX-License-Identifier: GPL-2.0-only
"""From what was seen on trunk to landings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.moves import Move, NewLanding
from buildbot_cd.core.landing.values import Gate, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Seen:
    """One commit on trunk's first-parent line."""

    sha: str
    parent: str
    engineer: str
    subject: str
    message: str


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


def pushes(commits: Iterable[Seen]) -> tuple[NewLanding, ...]:
    """Neighbouring commits of one engineer are one landing: they came together, so they are tested together."""
    found: list[NewLanding] = []
    for engineer, group in groupby(commits, key=lambda one: one.engineer):
        run = list(group)
        message = "\n\n".join(one.message for one in run)
        found.append(NewLanding(run[0].parent, run[-1].sha, engineer, run[-1].subject, message))
    return tuple(found)


def observed(gate: Gate, result: Mapping[str, Any], ours: frozenset[str]) -> Move | None:
    """What an observation of trunk means; ``ours`` are the shas that the gate itself pushed.

    The first observation takes trunk as it is for tested and live. None if there is nothing new.
    """
    tip = str(result["tip"])
    if gate.trunk is None:
        first = replace(gate, trunk=tip, tested=gate.tested or tip, live=gate.live or tip)
        return Move(f"first look at trunk: {tip[:12]} counts as live", gate=first)
    if result.get("rewritten"):
        text = f"trunk was rewritten: {gate.trunk[:12]} is not an ancestor of {tip[:12]}; resume when it is right"
        return None if gate.mode is Mode.HALTED else Move(text, gate=replace(gate, mode=Mode.HALTED, mode_reason=text))
    commits = seen_from(result.get("commits", ()))
    if not commits:
        return None
    fresh = _without(commits, ours)
    last = commits[-1].sha
    return Move(f"{len(fresh)} new commits on trunk", gate=replace(gate, trunk=last), new=pushes(fresh))


def _without(commits: tuple[Seen, ...], ours: frozenset[str]) -> tuple[Seen, ...]:
    """The engineers' commits only. A commit of ours between two of them still parts their landings by its parent."""
    return tuple(one for one in commits if one.sha not in ours)
