# SPDX-License-Identifier: GPL-2.0-only
"""Verb ``candidate``: the exact tree under test, ``onto`` plus one landing and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.commit import with_trailers, write
from buildbot_cd.worker.git.marks import move
from buildbot_cd.worker.git.trees import pick, tree_of

if TYPE_CHECKING:
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Fields

BASE, HEAD = "CD-Candidate-Base", "CD-Candidate-Head"
"""Trailers by which a built candidate tells which commits of trunk it holds."""

_RACES = 3


def candidate(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{sha, tree, synthetic}, or {conflict: paths}.

    A landing that stands on ``onto`` itself, or on a commit with its very tree (as after a revert), is its own
    candidate. Any other one is replayed, with fixed dates and thus always with the same sha, and pushed to
    ``refs/cd/candidate/<id>-<attempt>``. ``empty``: it changes nothing.
    """
    ident, attempt, when = fields.id("id"), fields.id("attempt"), int(fields.number("when"))
    onto, base, head = fields.sha("onto"), fields.maybe_sha("base"), fields.sha("head")
    who, message = fields.identity("author"), fields.text("message", "")
    mirror.need(onto, base, head)
    before = tree_of(mirror.git, onto)
    if base == onto or (base is not None and tree_of(mirror.git, base) == before):
        return {"sha": head, "tree": tree_of(mirror.git, head), "synthetic": False}
    found = pick(mirror.git, before, base, head)
    if found.tree is None:
        return {"conflict": list(found.conflicts)}
    text = with_trailers(mirror.git, message.strip() or f"Landing {ident}", ((BASE, base or "none"), (HEAD, head)))
    sha = write(mirror.git, found.tree, onto, who, when, text)
    refused = _publish(mirror, f"refs/cd/candidate/{ident}-{attempt}", sha)
    if refused:
        raise GitError(f"candidate {sha} could not be pushed: {refused}")
    answer = {"sha": sha, "tree": found.tree, "synthetic": True}
    return {**answer, "empty": True} if found.tree == before else answer


def _publish(mirror: Mirror, ref: str, sha: str) -> str:
    """Set the ref, whatever an earlier try left there. The server's words if it does not want it."""
    for _ in range(_RACES):
        answer = move(mirror, ref, sha, mirror.look_up(ref))
        if "stale" not in answer:
            return str(answer.get("refused", ""))
    return f"{ref} is moved by somebody else all the time"
