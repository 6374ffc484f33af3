# SPDX-License-Identifier: GPL-2.0-only
"""Replaying changes on trees, without a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.run import GitTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.worker.git.run import Git

_NOBODY = {
    "GIT_AUTHOR_NAME": "replay",
    "GIT_AUTHOR_EMAIL": "replay@localhost",
    "GIT_AUTHOR_DATE": "@0 +0000",
    "GIT_COMMITTER_NAME": "replay",
    "GIT_COMMITTER_EMAIL": "replay@localhost",
    "GIT_COMMITTER_DATE": "@0 +0000",
}


_EMPTY = ("-t", "tree", "-w", "--stdin")


@dataclass(frozen=True, slots=True)
class Replayed:
    """The tree, or None and the paths that stand against it."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


def tree_of(git: Git, commit: str | None) -> str:
    """The tree of a commit; the empty tree for None, which is what a root commit stands on."""
    known = git.trees.get(commit)
    if known is None:
        ask = ("rev-parse", "--verify", f"{commit}^{{tree}}") if commit else ("hash-object", *_EMPTY)
        known = git.trees[commit] = git.run(*ask).strip()
    return known


def pick(git: Git, onto: str, base: str | None, head: str) -> Replayed:
    """The change from commit ``base`` to commit ``head``, made on the tree ``onto``."""
    return three_way(git, tree_of(git, base), onto, tree_of(git, head))


def unpick(git: Git, onto: str, base: str | None, head: str) -> Replayed:
    """The change from ``base`` to ``head`` taken back on the tree ``onto``: what ``git revert`` does."""
    return three_way(git, tree_of(git, head), onto, tree_of(git, base))


def three_way(git: Git, base: str, ours: str, theirs: str) -> Replayed:
    """Merge three trees. git before 2.40 takes the base from history only, so a history of three commits is made."""
    if base in {ours, theirs} or ours == theirs:
        return Replayed(theirs if base == ours else ours)
    root = _bare_commit(git, base)
    sides = [_bare_commit(git, tree, root) for tree in (ours, theirs)]
    done = git.try_("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *sides)
    if done.code not in {0, 1}:
        raise GitError(f"git merge-tree ended with {done.code}: {done.err}")
    tree, *paths = done.text.rstrip("\0").split("\0")
    return Replayed(tree.strip()) if done.code == 0 else Replayed(None, tuple(dict.fromkeys(paths)))


def changed(git: Git, before: str | None, after: str | None) -> tuple[str, ...]:
    """Paths that differ between two commits or trees; a rename counts as both of its names."""
    names = [one or tree_of(git, None) for one in (before, after)]
    done = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", *(f"{one}^{{tree}}" for one in names))
    return tuple(done.rstrip("\0").split("\0")) if done else ()


def changed_each(git: Git, pairs: Sequence[tuple[str | None, str]]) -> tuple[tuple[str, ...], ...]:
    """`changed` for many (parent or None, commit) in one call of git."""
    if not pairs:
        return ()
    args = ("diff-tree", "--stdin", "-r", "-z", "--root", "--always", "--name-only", "--no-renames")
    parts = git.run(*args, input_=_asked(pairs)).split("\0")
    found: list[list[str]] = []
    wanted = [head for _, head in pairs]
    for part in parts[:-1]:
        if len(found) < len(wanted) and part == wanted[len(found)]:
            found.append([])
        else:
            found[-1].append(part)
    return tuple(tuple(one) for one in found)


def patch_ids(git: Git, pairs: Sequence[tuple[str | None, str]]) -> dict[str, str]:
    """Commit -> name of its patch against its parent: the same wherever the same change is made once more.

    Line numbers do not count, white space does: a mended indentation is a new change. A binary file, and one of more
    than a megabyte, counts by what it was and what it became. Commits without a change have none; nor has any if git
    takes too long over them.
    """
    if not pairs:
        return {}
    made = ("-c", "core.bigFileThreshold=1m", "diff-tree", "--stdin", "-r", "--root", "-p", "--full-index")
    how = ("--no-renames", "--no-ext-diff", "--no-textconv")
    try:
        said = git.piped((*made, *how), ("patch-id", "--verbatim"), _asked(pairs))
    except GitTimeout:
        return {}
    if said.code:
        raise GitError(f"git patch-id ended with {said.code}: {said.err}")
    rows = [row.split() for row in said.text.splitlines()]
    return {row[1]: row[0] for row in rows if len(row) == 2}


def _asked(pairs: Sequence[tuple[str | None, str]]) -> bytes:
    return "".join(f"{head} {parent or ''}".strip() + "\n" for parent, head in pairs).encode()


def renamed(git: Git, before: str | None, after: str) -> tuple[tuple[str, str], ...]:
    """Renames and copies between two commits, as (old path, new path)."""
    if before is None:
        return ()
    trees = (f"{before}^{{tree}}", f"{after}^{{tree}}")
    found = git.run("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", *trees)
    parts = found.rstrip("\0").split("\0") if found else []
    return tuple(zip(parts[1::3], parts[2::3], strict=True))


def _bare_commit(git: Git, tree: str, *parents: str) -> str:
    key = (tree, *parents)
    if key not in git.replays:
        args = [part for parent in parents for part in ("-p", parent)]
        git.replays[key] = git.run("commit-tree", *args, "-m", "replay", tree, env=_NOBODY).strip()
    return git.replays[key]
