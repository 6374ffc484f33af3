# SPDX-License-Identifier: GPL-2.0-only
"""The revert's message: what was taken back and why, how to bring it back, and trailers for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.worker.git.commit import block, one_line
from buildbot_cd.worker.git.history import read
from buildbot_cd.worker.git.trunk import ALSO, AUTO, ENTRY, REVERTS

if TYPE_CHECKING:
    from buildbot_cd.worker.git.plan import Plan, Survivor
    from buildbot_cd.worker.git.revert_request import Ask
    from buildbot_cd.worker.git.run import Git


def message(git: Git, ask: Ask, plan: Plan) -> str:
    """The whole message."""
    paragraphs = [f'Revert "{one_line(ask.subject, 200)}"', ask.body.strip()]
    if plan.evicted:
        paragraphs += ["Taken back too, since it does not apply without the above:\n" + _told(git, plan.evicted)]
    paragraphs.append(_way_back(git, plan.evicted if "cherry-pick" in ask.body else plan.taken_back))
    paragraphs.append(block(trailers(ask, plan)))
    return "\n\n".join(part for part in paragraphs if part.strip())


def trailers(ask: Ask, plan: Plan) -> list[tuple[str, str]]:
    """Those of the revert itself, then those of the request. One line for each commit that is taken back."""
    own = [(REVERTS, sha) for one in plan.bad for sha in one.commits]
    own += [(ALSO, f"{sha} ({_why(one)})") for one in plan.evicted for sha in one.commits]
    own += [(ENTRY, ask.key), ("CD-Tested-Base", ask.tested)]
    if all(key != AUTO for key, _ in ask.trailers):
        own.append((AUTO, "withdraw"))
    reserved = {REVERTS, ALSO, ENTRY, "CD-Tested-Base"}
    return [*own, *((key, value) for key, value in ask.trailers if key not in reserved)]


def _why(one: Survivor) -> str:
    who = f"landing {one.range.id}: " if one.known else ""
    return who + one_line(", ".join(one.conflicts or ()), 200)


def _told(git: Git, evicted: tuple[Survivor, ...]) -> str:
    subjects = read(git, [one.range.head for one in evicted])
    return "\n".join(
        f"- {one.range.head[:12]} {one_line(subjects[one.range.head].subject, 100)} ({_why(one)})" for one in evicted
    )


def _way_back(git: Git, lost: tuple[Survivor, ...]) -> str:
    """Commands that bring the work back; a merge comes back only as a revert of this revert."""
    if not lost:
        return ""
    commits = read(git, [sha for one in lost for sha in one.commits])
    if any(len(one.parents) > 1 for one in commits.values()):
        return (
            "To bring the work back: git fetch, then git revert this commit. "
            'Merging the branch once more restores nothing: git takes it for "Already up to date".'
        )
    names = [one.range.head if len(one.commits) == 1 else f"{one.range.base}..{one.range.head}" for one in lost]
    return "To bring the work back:\n" + "\n".join(f"  git fetch && git cherry-pick {name}" for name in names)
