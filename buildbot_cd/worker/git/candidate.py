# SPDX-License-Identifier: GPL-2.0-only
"""Verb ``candidate``: the exact tree under test, ``onto`` plus one landing and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.commit import with_trailers, write
from buildbot_cd.worker.git.marks import move
from buildbot_cd.worker.git.trees import pick, tree_of
from buildbot_cd.worker.git.trunk import BASE, HEAD, look

if TYPE_CHECKING:
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Fields, Identity

_RACES = 3


def candidate(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{sha, tree, synthetic}, or {conflict: paths}.

    A landing that stands on ``onto`` itself is its own candidate. So is one that stands on a tip of trunk which has the
    tree of ``onto`` and before which all is decided: thus trunk's own commits return after a revert. Any other one is
    replayed, with fixed dates and thus always with the same sha, and pushed to ``refs/cd/candidate/<id>-<attempt>``.
    ``empty``: it changes nothing.
    """
    ident, attempt, when = fields.id("id"), fields.id("attempt"), int(fields.number("when"))
    onto, base, head = fields.sha("onto"), fields.maybe_sha("base"), fields.sha("head")
    who, message = fields.identity("author"), fields.text("message", "")
    mirror.need(onto, base, head)
    if base == onto or _stands_on_its_like(mirror, onto, base, who):
        return {"sha": head, "tree": tree_of(mirror.git, head), "synthetic": False}
    before = tree_of(mirror.git, onto)
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


def _stands_on_its_like(mirror: Mirror, onto: str, base: str | None, bot: Identity) -> bool:
    if base is None or tree_of(mirror.git, base) != tree_of(mirror.git, onto):
        return False
    trunk = look(mirror, onto, base, bot)
    return trunk is not None and trunk.settled


def _publish(mirror: Mirror, ref: str, sha: str) -> str:
    """Set the ref, whatever an earlier try left there. The server's words if it does not want it."""
    for _ in range(_RACES):
        answer = move(mirror, ref, sha, mirror.look_up(ref))
        if "stale" not in answer:
            return str(answer.get("refused", ""))
    return f"{ref} is moved by somebody else all the time"
