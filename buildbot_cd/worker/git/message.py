# SPDX-License-Identifier: GPL-2.0-only
"""The revert's message: what was taken back and why, how to bring it back, and trailers for programs."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from buildbot_cd.worker.git.commit import block, many_lines, one_line
from buildbot_cd.worker.git.history import read
from buildbot_cd.worker.git.trunk import ALSO, AUTO, ENTRY, RANGE, REVERTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.git.history import Commit
    from buildbot_cd.worker.git.plan import Plan, Survivor
    from buildbot_cd.worker.git.revert_request import Ask
    from buildbot_cd.worker.git.run import Git

BASE, AUTHOR = "CD-Tested-Base", "Original-Author"
"""Trailers of a revert: where its replay started, and whose work was taken back."""

_FEW = 20


def message(git: Git, ask: Ask, plan: Plan, branch: str) -> str:
    """The whole message; ``branch`` is trunk's name."""
    commits = read(git, [sha for one in plan.taken_back for sha in one.commits], mailmap_of=plan.tip)
    paragraphs = [f'Revert "{one_line(ask.subject, 200)}"', many_lines(ask.body)]
    if plan.evicted:
        told = "\n".join(_told(one, commits) for one in plan.evicted)
        paragraphs.append("Taken back too, since it does not apply without the above:\n" + told)
    paragraphs += [_way_back(ask.key, branch, plan.taken_back, commits), block(trailers(ask, plan, commits))]
    return "\n\n".join(part for part in paragraphs if part.strip())


def trailers(ask: Ask, plan: Plan, commits: Mapping[str, Commit]) -> list[tuple[str, str]]:
    """Those of the revert itself, then those of the request. One line for each commit that is taken back."""
    own = [(REVERTS, sha) for one in plan.bad for sha in one.commits]
    own += [(ALSO, f"{sha} ({_why(one)})") for one in plan.evicted for sha in one.commits]
    merged = [one.range for one in plan.taken_back if any(len(commits[sha].parents) > 1 for sha in one.commits)]
    own += [(RANGE, f"{one.base}..{one.head}") for one in merged if one.base]
    own += [(ENTRY, ask.key), (BASE, ask.tested)]
    if all(key != AUTO for key, _ in ask.trailers):
        own.append((AUTO, "withdraw"))
    reserved = {REVERTS, ALSO, RANGE, ENTRY, BASE, AUTHOR}
    authors = dict.fromkeys(f"{one.author_name} <{one.author_email}>" for one in commits.values())
    asked = [(key, value) for key, value in ask.trailers if key not in reserved]
    return [*own, *asked, *((AUTHOR, who) for who in authors)]


def _why(one: Survivor) -> str:
    who = f"landing {one.range.id}: " if one.known else ""
    return who + one_line(", ".join(one.conflicts or ()), 200)


def _told(one: Survivor, commits: Mapping[str, Commit]) -> str:
    head = one.commits[-1]
    return f"- {head[:12]} {one_line(commits[head].subject, 100)} ({_why(one)})"


def _way_back(key: str, branch: str, lost: tuple[Survivor, ...], commits: Mapping[str, Commit]) -> str:
    """The commands that bring the work back; a merge comes back only as a revert of this revert."""
    if any(len(commits[sha].parents) > 1 for one in lost for sha in one.commits):
        grep, trunk = quote(f"--grep={ENTRY}: {key}"), quote(f"origin/{branch}")
        return (
            "Nothing is lost. A merge is among it; to bring the work back, revert this revert:\n"
            f'  git fetch && git revert "$(git log -1 --format=%H --fixed-strings {grep} {trunk})"\n'
            'To merge the branch once more restores nothing: git takes it for "Already up to date". '
            "Then mend it, try it with `buildbot try`, and push it."
        )
    names = " ".join(_named(one) for one in lost)
    return (
        f"Nothing is lost. To bring the work back:\n  git fetch && git cherry-pick {names}\n"
        "then mend it, try it with `buildbot try`, and push it with the trailer CD-Relands: <sha>."
    )


def _named(one: Survivor) -> str:
    if len(one.commits) <= _FEW:
        return " ".join(one.commits)
    return f"{one.commits[0]} {one.commits[0]}..{one.range.head}"
