# SPDX-License-Identifier: GPL-2.0-only
"""Verb ``observe``: what is new on trunk. Verb ``diff``: what a range changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.git.history import is_ancestor, range_of, read, through
from buildbot_cd.worker.git.trees import changed, changed_each, patch_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.worker.git.history import Commit, Step
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Fields

MOST = 1000
"""Commits in one answer; the rest comes with the next look."""

MOST_TEXT = 8_000_000
"""Characters of messages and paths in one answer."""


def observe(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{tip, rewritten, commits, truncated}; commits are the steps of trunk after ``since``, oldest first.

    Each has ``patch_id``, see `patch_ids`.

    ``rewritten``: trunk does not hold ``since`` any more; then no commits are told. Nor does it where it lacks what it
    ``holds``, which nobody has looked at yet but the gate has pushed; that is ``lost`` then, and else told again.
    """
    since, holds = fields.maybe_sha("since"), fields.maybe_sha("holds")
    tip = mirror.fetch()
    answer: dict[str, Any] = {"tip": tip, "rewritten": False, "commits": []}
    if since is not None and not _on(mirror, since, tip):
        return {**answer, "rewritten": True}
    if holds is not None and not _on(mirror, holds, tip):
        return {**answer, "rewritten": True, "lost": holds}
    if holds is not None:
        answer["holds"] = holds
    if since is None or since == tip:
        return answer
    steps = through(mirror.git, since, tip, mirror.marks("revert").values())
    told = steps[:MOST]
    commits = read(mirror.git, [step.sha for step in told], mailmap_of=tip)
    pairs = [(step.parent, step.sha) for step in told]
    files, patches = changed_each(mirror.git, pairs), patch_ids(mirror.git, pairs)
    rows = [
        {**_commit(step, commits[step.sha]), "files": list(paths), "patch_id": patches.get(step.sha)}
        for step, paths in zip(told, files, strict=True)
    ]
    answer["commits"] = rows[: _fitting(rows)]
    return {**answer, "truncated": True} if len(answer["commits"]) < len(steps) else answer


def _on(mirror: Mirror, sha: str, tip: str) -> bool:
    return sha == tip or (mirror.has(sha) and is_ancestor(mirror.git, sha, tip))


def _commit(step: Step, commit: Commit) -> dict[str, Any]:
    return {
        "sha": commit.sha,
        "parent": step.parent,
        "tree": commit.tree,
        "author_name": commit.author_name,
        "author_email": commit.author_email,
        "committer_email": commit.committer_email,
        "time": commit.time,
        "subject": commit.subject,
        "message": commit.message,
        "trailers": {key: list(found) for key, found in commit.trailers.items()},
    }


def _fitting(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many commits fit into one answer: one at least, else it could never be told."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row["message"]) + sum(len(path) for path in row["files"])
        if count and size > MOST_TEXT:
            return count
    return len(rows)


def diff(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{files, message, messages}: paths that ``base..head`` changes, and what all of its commits say, oldest first.

    Commits of merged branches count too, since their trailers carry tags. ``message`` is all messages, with blank
    lines between. Of more than `MOST` commits the newest are told.
    """
    base, head = fields.maybe_sha("base"), fields.sha("head")
    mirror.need(base, head)
    shas = range_of(mirror.git, base, head, first_parent=False)
    told = shas[-MOST:]
    commits = read(mirror.git, told)
    messages = [commits[sha].message.rstrip("\n") for sha in told]
    answer = {
        "files": list(changed(mirror.git, base, head)),
        "message": "\n\n".join(messages),
        "messages": messages,
    }
    return {**answer, "truncated": True} if len(told) < len(shas) else answer
