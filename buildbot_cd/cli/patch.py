# SPDX-License-Identifier: GPL-2.0-only
"""A checkout's change as one patch, made so that what is tested is what was looked at: new files are in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from buildbot_cd.errors import CdError

DIFF = (
    *("diff", "--cached", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--no-renames", "--src-prefix=a/", "--dst-prefix=b/"),
)


@dataclass(frozen=True)
class Patch:
    """``body`` is git's own form, with ``a/`` and ``b/``; ``base`` the full name of the commit that it is for."""

    base: str
    branch: str | None
    body: bytes


def patch_of(top: Path, base: str | None) -> Patch:
    """Everything since ``base``, committed or not; without a base since the branch left its upstream, else HEAD.

    Raises CdError if nothing was changed, or if no remote branch holds the base: no worker could check it out.
    """
    ahead = _git(top, "merge-base", "HEAD", "@{upstream}", may_fail=True)
    start = base or ahead.decode().strip() or "HEAD"
    commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{start}^{{commit}}").decode().strip()
    if _git(top, "remote") and not _git(top, "branch", "--remotes", "--contains", commit):
        raise CdError(f"{start} is on no remote branch, so no worker can check it out: name another one with --base")
    body = _since(top, commit)
    if not body:
        raise CdError(f"nothing was changed since {start}: there is nothing to try")
    upstream = _git(top, "rev-parse", "--abbrev-ref", "@{upstream}", may_fail=True).decode("utf-8", "replace").strip()
    return Patch(commit, upstream.partition("/")[2] or None, body)


def _since(top: Path, commit: str) -> bytes:
    """The difference of the working tree, through an index of its own: the engineer's is left as it is."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        own = top / _git(top, "rev-parse", "--git-path", "index").decode().strip()
        if own.exists():
            shutil.copy(own, index)  # with it git need not read files that did not change
        _git(top, "add", "--all", index=index)
        return _git(top, *DIFF, commit, "--", index=index)


def _git(top: Path, *words: str, index: Path | None = None, may_fail: bool = False) -> bytes:
    env = {**os.environ, **({"GIT_INDEX_FILE": str(index)} if index is not None else {})}
    done = subprocess.run(["git", *words], cwd=top, capture_output=True, check=False, env=env)
    if done.returncode and may_fail:
        return b""
    if done.returncode:
        raise CdError(f"git {words[0]}: {done.stderr.decode('utf-8', 'replace').strip() or done.returncode}")
    return done.stdout
