# SPDX-License-Identifier: GPL-2.0-only
"""Verb ``revert``: take landings back on trunk by a forward replay of all others."""

from __future__ import annotations

import sys
import time
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git import checks
from buildbot_cd.worker.git.commit import write
from buildbot_cd.worker.git.history import is_ancestor, read
from buildbot_cd.worker.git.marks import move
from buildbot_cd.worker.git.message import message
from buildbot_cd.worker.git.plan import plan
from buildbot_cd.worker.git.push import push
from buildbot_cd.worker.git.revert_request import Ask
from buildbot_cd.worker.git.trees import tree_of
from buildbot_cd.worker.git.trunk import ENTRY, look

if TYPE_CHECKING:
    from buildbot_cd.worker.git.history import Commit
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.plan import Plan, Survivor
    from buildbot_cd.worker.git.request import Fields
    from buildbot_cd.worker.git.trunk import Trunk

_RACES = 10
_UNKNOWN = 3
MOST_MESSAGE = 20_000
"""Characters of a stranger's message in the answer."""


def revert(mirror: Mirror, fields: Fields) -> dict[str, Any]:
    """{sha, tree, tip, evicted, unseen, also}, with ``adopted`` if an earlier run had pushed it, or {refused: why}.

    {already: true, sha: tip, ...} if trunk looks like that as it is, which is then recorded beside trunk;
    {shadow: true, would: {...}} if nothing is to be pushed. Trunk is never forced: a push that comes too late is
    computed anew on what others pushed.
    """
    ask = Ask.read(fields)
    unknown, text = 0, ""
    for race in range(_RACES):
        if race:
            time.sleep(SystemRandom().uniform(min(0.2, ask.jitter), ask.jitter) * race / _RACES)
        answer, made = _prepare(mirror, ask)
        if made is None:
            return answer
        sha, planned = made
        done = push(mirror, [f"{sha}:{mirror.trunk_ref}", f"{sha}:{_mark(mirror, ask, sha)}"])
        text = done.text
        # The remote alone knows what became of the push, whatever git said about it.
        tip = sha if mirror.look_up(mirror.trunk_ref) == sha else mirror.fetch()
        if is_ancestor(mirror.git, sha, tip):
            return _verified(mirror, planned, sha, tip, answer)
        if done.ok:
            return {"refused": f"{sha} was pushed, but trunk's tip {tip} does not hold it: somebody rewrote trunk"}
        if tip != planned.tip:
            sys.stderr.write(f"trunk moved to {tip}: computing the revert again\n")
            continue
        if done.refused:
            return {"refused": text}
        unknown += 1
        if unknown == _UNKNOWN:
            raise GitError(f"the revert could not be pushed: {text}")
    return {"refused": f"trunk moved during each of {_RACES} tries: {text}"}


def _prepare(mirror: Mirror, ask: Ask) -> tuple[dict[str, Any], tuple[str, Plan] | None]:
    """The answer, and what has to be pushed for it; nothing if the answer stands as it is."""
    tip = mirror.fetch()
    mirror.need(*ask.shas)
    trunk = look(mirror, ask.tested, tip, ask.author, ask.stops)
    if trunk is None:
        return {"refused": f"trunk's tip {tip} and tested {ask.tested} have no history in common"}, None
    found = _made_before(mirror, ask, trunk) or checks.before(mirror, ask, trunk)
    if found is not None:
        return found, None
    planned = plan(mirror, ask, trunk, tip)
    told = _told(mirror, planned)
    sha = write(mirror.git, planned.tree, tip, ask.author, ask.when, message(mirror.git, ask, planned, mirror.branch))
    if planned.tree == tree_of(mirror.git, tip):
        _record(mirror, ask, trunk, planned, sha)
        return {"already": True, "sha": tip, "tree": planned.tree, "tip": tip, **told}, None
    refused = checks.after(mirror.git, ask, planned, trunk)
    if refused is not None:
        return {**told, **refused, **_shown(mirror, ask, sha)}, None
    answer = {"sha": sha, "tree": planned.tree, "tip": tip, **told}
    return ({"shadow": True, "would": answer}, None) if ask.shadow else (answer, (sha, planned))


def _record(mirror: Mirror, ask: Ask, trunk: Trunk, planned: Plan, sha: str) -> None:
    """Keep under the gate's own ref, beside trunk, what trunk needed no commit for: it must not come back later.

    A later replay would else take the change for one that nobody decided about, and keep it.
    """
    known = trunk.gone(trunk.until(planned.tip))
    if ask.shadow or all(one in known for lost in planned.taken_back for one in lost.commits):
        return
    ref = _mark(mirror, ask, sha)
    done = move(mirror, ref, sha, mirror.look_up(ref))
    if "ok" not in done:
        raise GitError(f"{ref} could not be set to {sha}: {done.get('refused', 'it was moved by somebody else')}")


def _shown(mirror: Mirror, ask: Ask, sha: str) -> dict[str, Any]:
    """Show what was not pushed to trunk under a ref beside it, so that a person needs only to look and to push it."""
    ref = f"refs/cd/prepared/{ask.bad[0].id}"
    if ask.shadow or "ok" not in move(mirror, ref, sha, mirror.look_up(ref)):
        return {}
    return {"prepared": {"ref": ref, "sha": sha}}


def _made_before(mirror: Mirror, ask: Ask, trunk: Trunk) -> dict[str, Any] | None:
    """The answer for a revert that an earlier run pushed without living to tell."""
    for step in trunk.steps:
        commit = trunk.commits[step.sha]
        if step.parent is None or step.sha not in trunk.ours or ask.key not in commit.trailers.get(ENTRY, ()):
            continue
        planned = plan(mirror, ask, trunk, step.parent)
        if planned.tree != commit.tree:
            return {"refused": f"{step.sha} says that it is the revert {ask.key}, but has not its tree: look at it"}
        told = _told(mirror, planned)
        return {"adopted": True, "sha": step.sha, "tree": commit.tree, "tip": trunk.tip, **told}
    return None


def _mark(mirror: Mirror, ask: Ask, sha: str) -> str:
    """The ref for this revert; one that is taken by another revert of the same landing stays as it is."""
    name = f"revert/{ask.bad[0].id}"
    taken = mirror.marks("revert").get(name)
    return f"refs/cd/{name}" if taken in {None, sha} else f"refs/cd/{name}-{sha[:12]}"


def _verified(mirror: Mirror, planned: Plan, sha: str, tip: str, answer: dict[str, Any]) -> dict[str, Any]:
    tree = tree_of(mirror.git, sha)
    if tree != planned.tree:
        raise GitError(f"{sha} has tree {tree}, but {planned.tree} was meant: the mirror is damaged")
    return {**answer, "tip": tip}


def _told(mirror: Mirror, planned: Plan) -> dict[str, Any]:
    commits = read(mirror.git, [one.range.head for one in planned.unseen], mailmap_of=planned.tip)
    return {
        "evicted": [{"id": one.range.id, "paths": list(one.conflicts or ())} for one in planned.evicted if one.known],
        "unseen": [_stranger(one, commits[one.range.head]) for one in planned.unseen],
        "also": [sha for one in planned.evicted for sha in one.commits],
    }


def _stranger(one: Survivor, commit: Commit) -> dict[str, Any]:
    """As `observe` would tell it, since nobody may have seen it yet."""
    told = {
        "sha": commit.sha,
        "parent": one.range.base,
        "evicted": one.conflicts is not None,
        "author_email": commit.author_email,
        "committer_email": commit.committer_email,
        "subject": commit.subject,
        "message": commit.message[:MOST_MESSAGE],
    }
    return {**told, "paths": list(one.conflicts)} if one.conflicts is not None else told
