# SPDX-License-Identifier: GPL-2.0-only
"""Writing commits: the same request gives the same sha, however often it is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.worker.git.request import Identity
    from buildbot_cd.worker.git.run import Git

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def write(git: Git, tree: str, parent: str, who: Identity, when: int, message: str) -> str:
    """The sha of a commit of ``tree`` on ``parent``; ``when`` is in seconds since the epoch."""
    date = f"@{when} +0000"
    env = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", who.name), ("EMAIL", who.mail), ("DATE", date))
    }
    text = message.replace("\0", "").encode("utf-8", "replace")
    return git.run("commit-tree", "-p", parent, tree, input_=text, env=env).strip()


def one_line(text: str, limit: int = 400) -> str:
    """The text on one line, cut at ``limit`` characters."""
    flat = _CONTROL.sub(" ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def many_lines(text: str, limit: int = 20_000) -> str:
    """The text with its lines kept, but without what could hide from git or from a reader what stands below it.

    git takes a line of scissors for the end of a message, and everything after it for no part of the trailers.
    """
    rows = [one_line(row, limit) for row in text[:limit].splitlines()]
    return "\n".join(f"> {row}" if row.startswith("#") else row for row in rows).strip()


def block(trailers: Sequence[tuple[str, str]]) -> str:
    """The trailers as a paragraph of their own."""
    return "".join(f"{key}: {one_line(value)}\n" for key, value in trailers)


def with_trailers(git: Git, message: str, trailers: Sequence[tuple[str, str]]) -> str:
    """The message with more trailers, so that those which it has stay trailers."""
    clean = message.replace("\0", "").rstrip() + "\n"
    args = [part for key, value in trailers for part in ("--trailer", f"{key}: {one_line(value)}")]
    how = ("interpret-trailers", "--no-divider", "--where=end", "--if-exists=add", "--if-missing=add")
    text = git.run(*how, *args, input_=clean.encode("utf-8", "replace"))
    found = git.run("interpret-trailers", "--no-divider", "--parse", input_=text.encode("utf-8", "surrogateescape"))
    if all(f"{key}: {one_line(value)}" in found.splitlines() for key, value in trailers):
        return text
    return f"{clean}\n{block(trailers)}"
