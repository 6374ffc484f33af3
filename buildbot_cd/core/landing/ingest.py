# SPDX-License-Identifier: GPL-2.0-only
"""From what was seen on trunk to landings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.moves import EMERGENCY, Move, NewLanding, gate_notice, halted_gate
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.reland import RELANDS, RETRY, patch_of
from buildbot_cd.core.landing.values import Gate, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EMERGENCY_OPTION = "cd.emergency"
"""The push option of the fast lane; its value says why, and is shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One commit on trunk's first-parent line; ``patch`` is its patch-id, where the git program told it."""

    sha: str
    parent: str
    committer: str
    author: str
    subject: str
    message: str
    patch: str = ""
    trailers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def trailer(self, key: str) -> tuple[str, ...]:
        """The values of a trailer."""
        return tuple(str(one) for one in self.trailers.get(key, ()))


@dataclass(frozen=True, slots=True)
class Known:
    """What the gate's records say of observed commits.

    ``ours``: its own reverts; ``heads``: the ends of landings that it has already; ``unsure``: commits that may be its
    own, which only the answer of a revert under way will tell; ``pushes``: what the server's hook told.
    """

    ours: frozenset[str] = field(default_factory=frozenset)
    heads: frozenset[str] = field(default_factory=frozenset)
    unsure: frozenset[str] = field(default_factory=frozenset)
    pushes: tuple[Push, ...] = ()


def seen_from(commits: Iterable[Mapping[str, Any]]) -> tuple[Seen, ...]:
    """Commits as the git program reports them."""
    return tuple(
        Seen(
            sha=str(one["sha"]),
            parent=str(one["parent"] or ""),
            committer=str(one.get("committer_email") or ""),
            author=str(one.get("author_email") or ""),
            subject=str(one.get("subject", "")),
            message=str(one.get("message", "")),
            patch=str(one.get("patch_id") or ""),
            trailers=one.get("trailers") or {},
        )
        for one in commits
    )


def pushes(commits: Sequence[Seen], known: Sequence[Push], people: People) -> tuple[NewLanding, ...]:
    """What came together is tested together: the commits of one push, where the server's hook told of it, and else
    neighbouring commits of one engineer.

    A gap in the line of parents, where a commit is not the engineer's or is known already, parts them.
    """
    told = _told(commits, known)
    owners = [people.owner(push, one.committer, one.author) for one, push in zip(commits, told, strict=True)]
    runs: list[list[int]] = [[0]] if commits else []
    for place in range(1, len(commits)):
        before, one = commits[place - 1], commits[place]
        together = one.parent == before.sha and owners[place] == owners[place - 1] and told[place] is told[place - 1]
        if together:
            runs[-1].append(place)
        else:
            runs.append([place])
    return tuple(_landing([commits[place] for place in run], owners[run[0]], told[run[0]], people) for run in runs)


def _told(commits: Sequence[Seen], known: Sequence[Push]) -> list[Push | None]:
    """The push that brought each commit, as far as the hook told."""
    places = {one.sha: place for place, one in enumerate(commits)}
    told: list[Push | None] = [None] * len(commits)
    for push in known:
        if push.head in places:
            for place in range(places.get(push.base, -1) + 1, places[push.head] + 1):
                told[place] = told[place] or push
    return told


def _landing(run: Sequence[Seen], engineer: str, push: Push | None, people: People) -> NewLanding:
    emergency = (push.options.get(EMERGENCY_OPTION) or "").strip() if push is not None else ""
    fast = bool(emergency) and people.may_hurry(push)
    return NewLanding(
        run[0].parent,
        run[-1].sha,
        engineer,
        run[-1].subject,
        "\n\n".join(one.message for one in run),
        priority=EMERGENCY if fast else 0,
        emergency=emergency if fast else "",
        patch=patch_of([one.patch for one in run]),
        named=tuple(sha for one in run for sha in one.trailer(RELANDS)),
        retry="; ".join(text for one in run for text in one.trailer(RETRY)),
    )


def observed(gate: Gate, result: Mapping[str, Any], known: Known, people: People) -> Move | None:
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
        if gate.mode is Mode.HALTED or is_over(gate, result):
            return None
        missed = str(result.get("lost") or gate.trunk)
        text = (
            f"trunk was rewritten: {missed[:12]} is not an ancestor of {tip[:12]}. "
            "Put it back and resume, or take it as it stands: buildbot-cd resume --adopt"
        )
        return Move(text, gate=halted_gate(gate, text), effects=(gate_notice(gate, "halted", text),))
    commits = _until_unsure(_behind(gate.trunk, seen_from(result.get("commits", ()))), known.unsure)
    trunk = commits[-1].sha if commits else gate.trunk
    found = gate.pushed in {one.sha for one in commits} or (trunk == tip and result.get("holds") == gate.pushed)
    ahead = replace(gate, trunk=trunk, pushed=None if found else gate.pushed)
    if ahead == gate:
        return None
    fresh = tuple(one for one in commits if one.sha not in known.ours and one.sha not in known.heads)
    new = pushes(fresh, known.pushes, people)
    return Move(f"{len(fresh)} new commits on trunk", gate=ahead, new=new)


def is_over(gate: Gate, result: Mapping[str, Any]) -> bool:
    """Whether trunk was adopted while this look, which found it rewritten, was under way."""
    lost = result.get("lost")
    return bool(result["tip"] == gate.trunk) if lost is None else bool(lost != gate.pushed)


def _behind(trunk: str, commits: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """The commits after ``trunk``; none if they do not continue it, as those of an older look do not."""
    for place, one in enumerate(commits):
        if one.parent == trunk:
            return commits[place:]
    return ()


def _until_unsure(commits: tuple[Seen, ...], unsure: frozenset[str]) -> tuple[Seen, ...]:
    places = [place for place, one in enumerate(commits) if one.sha in unsure]
    return commits[: places[0]] if places else commits
