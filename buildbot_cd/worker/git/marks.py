# SPDX-License-Identifier: GPL-2.0-only
"""Verb ``mark``: move a ref under ``refs/cd/`` from one exact value to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.push import push
from buildbot_cd.worker.git.request import BadRequest

if TYPE_CHECKING:
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Fields

_TRIES = 3


def mark(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{ok} if the ref has the new value now, {stale: its value} if it had not the old one, {refused: git's words}.

    ``new`` may be null for a candidate's ref, which is deleted then.
    """
    ref, old = fields.plain("ref"), fields.maybe_sha("old")
    new = fields.maybe_sha("new") if ref.startswith("refs/cd/candidate/") else fields.sha("new")
    if not ref.startswith("refs/cd/") or mirror.git.try_("check-ref-format", ref).code:
        raise BadRequest(f"request: ref must be a full name under refs/cd/, not {ref!r:.80}")
    return move(mirror, ref, new, old)


def move(mirror: Mirror, ref: str, new: str | None, old: str | None) -> dict[str, Any]:
    """Compare and set of one ref; None: there must be none yet, or shall be none. An unknown outcome is looked up."""
    text = ""
    for _ in range(_TRIES):
        now = mirror.look_up(ref)
        if now == new:
            return {"ok": True}
        if now != old:
            return {"stale": now}
        mirror.need(new)
        done = push(mirror, [f"{new or ''}:{ref}"], [f"{ref}:{old or ''}"])
        if done.ok:
            return {"ok": True}
        if done.refused:
            return {"ok": True} if mirror.look_up(ref) == new else {"refused": done.text}
        text = done.text
    raise GitError(f"{ref} could not be moved to {new}: {text}")
