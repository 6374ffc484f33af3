# SPDX-License-Identifier: GPL-2.0-only
"""``python -m buildbot_cd.worker.git.checkout``: this folder becomes the checkout of a revision, in one command.

Request on stdin: {url, ref, sha, timeout?}; answer on stdout: {sha} or {error}, with the exit codes of
`buildbot_cd.worker.git.__main__`. What the repository ignores is kept, as Buildbot's own step keeps it with
``method="clean"``; that step needs nine commands of the worker for the same, each with its way there and back.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.request import BadRequest, parse
from buildbot_cd.worker.git.run import Git, redact

if TYPE_CHECKING:
    from buildbot_cd.worker.git.request import Fields

_LOCKS = ("index.lock", "HEAD.lock", "shallow.lock", "config.lock")


def checkout(fields: Fields, folder: str) -> dict[str, str]:
    """{sha}: ``folder`` holds exactly this revision and what it ignores. Raises BadRequest and GitError.

    A folder that cannot be used as it is, after a crash for instance, is emptied and filled anew.
    """
    url, ref, sha = fields.plain("url"), fields.plain("ref"), fields.sha("sha")
    if ref.startswith("-"):
        raise BadRequest(f"request: ref must be a branch or a full ref, not {ref!r:.80}")
    git = Git(os.path.join(folder, ".git"), fields.number("timeout", 600.0, least=0.1))
    try:
        _fill(git, folder, url, ref, sha)
    except GitError as error:
        sys.stderr.write(f"{error}\nthe folder is emptied and filled anew\n")
        _empty(folder)
        _fill(git, folder, url, ref, sha)
    return {"sha": sha}


def _fill(git: Git, folder: str, url: str, ref: str, sha: str) -> None:
    if not os.path.exists(os.path.join(git.directory, "HEAD")):
        git.run("init", "--quiet", "--template=", folder)
    for name in _LOCKS:  # builds of one builder follow each other, so that a lock is a killed git's
        lock = os.path.join(git.directory, name)
        if os.path.exists(lock):
            os.unlink(lock)
    if git.try_("cat-file", "-e", f"{sha}^{{commit}}").code:
        _fetch(git, url, ref, sha)
    # With the worker's own settings, since filters such as LFS are part of them.
    tree = f"--work-tree={folder}"
    for what in ((tree, "checkout", "--force", "--quiet", "--detach", sha), (tree, "clean", "-ffdq")):
        done = git.remote(*what)
        if done.code:
            raise GitError(f"git {what[1]} ended with {done.code}: {done.err}")


def _fetch(git: Git, url: str, ref: str, sha: str) -> None:
    """By the ref that holds the revision, and if it has moved on since, by its name."""
    done = git.remote("fetch", "--quiet", "--no-write-fetch-head", "--", url, ref)
    if git.try_("cat-file", "-e", f"{sha}^{{commit}}").code:
        direct = git.remote("fetch", "--quiet", "--no-write-fetch-head", "--", url, sha)
        if direct.code:
            raise GitError(f"{sha} is not to be had from {redact(url)}: {done.err or direct.err}")


def _empty(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def main() -> int:
    """Do the request on stdin in the current folder; the exit code."""
    try:
        found, code = checkout(parse(sys.stdin.buffer.read().decode("utf-8", "replace")), os.getcwd()), 0
    except BadRequest as error:
        found, code = {"error": str(error)}, 2
    except (GitError, OSError) as error:
        found, code = {"error": redact(str(error))}, 3
    if code:
        sys.stderr.write(f"{found['error']}\n")
    sys.stdout.write(json.dumps(found) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
