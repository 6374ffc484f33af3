# SPDX-License-Identifier: GPL-2.0-only
"""Commits with real trees and three-way merges, without git: small enough to search through thousands of histories."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Tree = dict[str, str]
"""Path to content; the content of a path is the sha of the commit that wrote it."""

BOT = "bot@cd"


@dataclass(frozen=True)
class Commit:
    """``holds``: the engineers' commits whose change is in the tree; ``takes_back``: those that this revert undoes."""

    sha: str
    parent: str | None
    tree: Mapping[str, str]
    engineer: str
    holds: frozenset[str]
    message: str = ""
    entry: str = ""
    takes_back: frozenset[str] = field(default_factory=frozenset)
    patch: str = ""
    trailers: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """True for what the gate itself wrote; a trailer alone would prove nothing."""
        return self.engineer == BOT


class Repository:
    """All commits, where trunk stands, and what was taken back without a commit on it (``beside``)."""

    def __init__(self) -> None:
        root = Commit("root", None, {"a": "root", "b": "root"}, "founder@x", frozenset())
        self.commits = {root.sha: root}
        self.trunk = root.sha
        self.beside: frozenset[str] = frozenset()
        self._count = 0

    def __getitem__(self, sha: str) -> Commit:
        return self.commits[sha]

    def tree(self, sha: str) -> Tree:
        """The tree of a commit."""
        return dict(self.commits[sha].tree)

    def line(self, sha: str) -> list[str]:
        """The commit and all before it, oldest first."""
        found = []
        at: str | None = sha
        while at is not None:
            found.append(at)
            at = self.commits[at].parent
        return found[::-1]

    def is_ancestor(self, old: str, new: str) -> bool:
        """True if ``new`` stands on ``old``, or is it."""
        return old in self.line(new)

    def steps(self, base: str, head: str) -> list[str]:
        """The commits after ``base`` up to ``head``, oldest first."""
        line = self.line(head)
        return line[line.index(base) + 1 :]

    def push(
        self, engineer: str, changes: Mapping[str, str | None], *, entry: str = "", patch: str = "", **more: str
    ) -> Commit:
        """An engineer's commit on trunk: path to content, where "" means new content and None deletes the path.

        ``more``: the trailers ``relands`` and ``retry``.
        """
        self._count += 1
        sha = f"c{self._count}"
        tree = self.tree(self.trunk)
        for path, content in changes.items():
            if content is None:
                tree.pop(path, None)
            else:
                tree[path] = content or sha
        holds = self[self.trunk].holds | {sha}
        names = {"relands": "CD-Relands", "retry": "CD-Retry-Reason"}
        trailers = {names[key]: [value] for key, value in more.items()}
        commit = Commit(
            sha, self.trunk, tree, engineer, holds, entry=entry, patch=patch or f"p{sha}", trailers=trailers
        )
        self.commits[sha] = commit
        self.trunk = sha
        return commit

    def write(self, kind: str, parent: str, tree: Tree, holds: frozenset[str], **more: object) -> Commit:
        """A commit of the gate's; the same input gives the same sha."""
        text = repr((kind, parent, sorted(tree.items()), sorted((k, repr(v)) for k, v in more.items())))
        sha = kind + hashlib.sha256(text.encode()).hexdigest()[:9]
        commit = Commit(sha, parent, tree, BOT, holds, **more)  # type: ignore[arg-type]
        self.commits.setdefault(sha, commit)
        return commit


def pick(base: Mapping[str, str], onto: Mapping[str, str], head: Mapping[str, str]) -> tuple[Tree | None, list[str]]:
    """The change from ``base`` to ``head`` made on ``onto``: the tree, or None and the paths in conflict."""
    tree, conflicts = dict(onto), []
    for path in sorted({*base, *onto, *head}):
        before, ours, theirs = base.get(path), onto.get(path), head.get(path)
        if theirs in (before, ours):
            continue
        if before != ours:
            conflicts.append(path)
        elif theirs is None:
            del tree[path]
        else:
            tree[path] = theirs
    return (None, conflicts) if conflicts else (tree, [])
