# SPDX-License-Identifier: GPL-2.0-only
"""Small real git repositories, made commit by commit without a checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENGINEER = "Grace Hopper <grace@example.org>"
"""Who commits, if a test does not care."""

_FIRST = 1_700_000_000


@dataclass(frozen=True)
class Repository:
    """A bare repository with the branch ``main``, as a git server has it."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Repository:
        """An empty repository at ``path``."""
        made = cls(path)
        settings = ("-c", "init.defaultBranch=main")
        subprocess.run(["git", *settings, "init", "--bare", "--quiet", "--template=", str(path)], check=True)
        return made

    @property
    def url(self) -> str:
        """Its address for git."""
        return f"file://{self.path}"

    def git(self, *args: str, input_: bytes = b"") -> str:
        """A git command on it; its stdout. Raises CalledProcessError."""
        return self.raw(*args, input_=input_).decode("utf-8", "surrogateescape").strip()

    def raw(self, *args: str, input_: bytes = b"") -> bytes:
        """As `git`, but stdout as it comes."""
        argv = ["git", f"--git-dir={self.path}", *args]
        return subprocess.run(argv, input=input_, stdout=subprocess.PIPE, check=True, env=_clean()).stdout

    def commit(
        self,
        files: Mapping[str | bytes, str | bytes | None],
        *,
        message: str | bytes = "A change",
        author: str = ENGINEER,
        committer: str | None = None,
        parent: str | None = None,
        merged: Sequence[str] = (),
        ref: str = "refs/heads/main",
        root: bool = False,
    ) -> str:
        """Commit on ``parent`` (by default where ``ref`` is) and move ``ref`` there, by force if need be; the sha.

        ``files``: path -> content, None removes the path. ``merged``: further parents. ``root``: without a parent.
        """
        before = None if root else parent or self.tip(ref)
        when = f"{_FIRST + self._count()} +0000".encode()
        text = message.encode() if isinstance(message, str) else message
        rows = [b"commit " + ref.encode()]
        rows += [b"author " + author.encode() + b" " + when]
        rows += [b"committer " + (committer or author).encode() + b" " + when, _data(text)]
        rows += [b"from " + before.encode()] if before else []
        rows += [b"merge " + one.encode() for one in merged]
        rows += [_change(path, content) for path, content in files.items()]
        start = b"" if before else b"reset " + ref.encode() + b"\n\n"
        self.git("fast-import", "--quiet", "--force", input_=start + b"\n".join(rows) + b"\n")
        return str(self.tip(ref))

    def tip(self, ref: str = "refs/heads/main") -> str | None:
        """Where the ref is; None if there is none."""
        found = self.git("for-each-ref", "--format=%(objectname)", ref)
        return found or None

    def tree(self, commit: str) -> str:
        """The commit's tree."""
        return self.git("rev-parse", f"{commit}^{{tree}}")

    def files(self, commit: str) -> dict[str, str]:
        """Path -> content of all files."""
        names = self.raw("ls-tree", "-r", "-z", "--name-only", commit).decode("utf-8", "surrogateescape")
        return {name: self._content(commit, name) for name in names.split("\0") if name}

    def _content(self, commit: str, name: str) -> str:
        return self.raw("cat-file", "blob", f"{commit}:{name}").decode("utf-8", "surrogateescape")

    def hook(self, name: str, script: str) -> None:
        """Make the server run a shell script."""
        folder = self.path / "hooks"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    def _count(self) -> int:
        return len(self.git("rev-list", "--all").split())


def _clean() -> dict[str, str]:
    """No settings of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


def _data(text: bytes) -> bytes:
    return b"data %d\n%s" % (len(text), text)


def _change(path: str | bytes, content: str | bytes | None) -> bytes:
    name = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    quoted = b'"' + b"".join(b"\\%03o" % byte for byte in name) + b'"'
    if content is None:
        return b"D " + quoted
    return b"M 100644 inline " + quoted + b"\n" + _data(content.encode() if isinstance(content, str) else content)
