# SPDX-License-Identifier: GPL-2.0-only
"""The bare mirror: one user at a time, locks of the dead swept away, and what the remote has."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.request import BadRequest
from buildbot_cd.worker.git.run import Git, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.worker.git.request import Fields

_TRIES = 3
_POLL = 0.05
_PLAIN = re.compile(r"[A-Za-z0-9_]+(?:[/-][A-Za-z0-9_]+)*")  # names that git certainly takes, so it need not be asked


@dataclass(frozen=True, slots=True)
class Place:
    """Where the mirror is, what it mirrors, and the limit of a network call in seconds."""

    mirror: str
    url: str
    branch: str
    timeout: float

    @classmethod
    def read(cls, fields: Fields) -> Place:
        """The keys that every request has. Raises BadRequest."""
        branch = fields.plain("branch").removeprefix("refs/heads/")
        mirror = os.path.abspath(fields.plain("mirror"))
        return cls(mirror, fields.plain("url"), branch, fields.number("timeout", 60.0, least=0.1))


class Mirror:
    """A bare repository that follows the trunk of ``place``, and ``refs/cd/``."""

    def __init__(self, git: Git, place: Place) -> None:
        self.git, self.url, self.branch = git, place.url, place.branch
        self.trunk_ref = f"refs/heads/{place.branch}"
        # Hashed, since branches may be called both `a` and `a/b`, which no directory can hold at once.
        self._local = f"refs/mirror/{hashlib.sha256(place.branch.encode('utf-8', 'replace')).hexdigest()[:24]}"
        if not _PLAIN.fullmatch(place.branch) and git.try_("check-ref-format", self.trunk_ref).code:
            raise BadRequest(f"request: branch must be a branch's name, not {place.branch!r:.80}")

    def fetch(self) -> str:
        """Get trunk and ``refs/cd/``; trunk's tip. Raises GitError."""
        self._fetch(f"+{self.trunk_ref}:{self._local}", "+refs/cd/*:refs/mirror-cd/*")
        return self.git.run("rev-parse", "--verify", f"{self._local}^{{commit}}").strip()

    def _fetch(self, *refspecs: str) -> None:
        args = ("fetch", "--prune", "--no-tags", "--no-write-fetch-head", "--quiet", "--", self.url, *refspecs)
        for left in reversed(range(_TRIES)):
            done = self.git.remote(*args)
            if not done.code:
                return
            if not left or "couldn't find remote ref" in done.err:
                raise GitError(f"git fetch from {redact(self.url)} failed: {done.err}")
            time.sleep(0.3)

    def has(self, sha: str) -> bool:
        """True if the commit is here."""
        return not self.git.try_("cat-file", "-e", f"{sha}^{{commit}}").code

    def need(self, *shas: str | None) -> None:
        """Make sure that the commits are here. Raises GitError that names the first one which nobody has."""
        if all(sha is None or self.has(sha) for sha in shas):
            return
        self.fetch()
        for sha in shas:
            if sha is not None and not self.has(sha):
                # Servers may give out commits that no ref of ours names, such as those of a rewritten trunk.
                done = self.git.remote("fetch", "--no-tags", "--no-write-fetch-head", "--quiet", "--", self.url, sha)
                if done.code or not self.has(sha):
                    raise GitError(f"commit {sha} is not known at {redact(self.url)}: {done.err}")

    def marks(self, under: str) -> dict[str, str]:
        """``refs/cd/<under>/*`` as of the last fetch: name after ``refs/cd/`` -> sha."""
        found = self.git.run("for-each-ref", "--format=%(objectname) %(refname)", f"refs/mirror-cd/{under}/")
        pairs = (line.split(" ", 1) for line in found.splitlines())
        return {name.removeprefix("refs/mirror-cd/"): sha for sha, name in pairs}

    def look_up(self, ref: str) -> str | None:
        """What the remote has under this full name now. Raises GitError."""
        for left in reversed(range(_TRIES)):
            done = self.git.remote("ls-remote", "--quiet", "--", self.url, ref)
            if not done.code:
                break
            if not left:
                raise GitError(f"git ls-remote of {redact(self.url)} failed: {done.err}")
            time.sleep(0.3)
        pairs = (line.split("\t", 1) for line in done.text.splitlines() if "\t" in line)
        return next((sha for sha, name in pairs if name == ref), None)


@contextmanager
def opened(place: Place) -> Iterator[Mirror]:
    """The mirror, made if there is none, for us alone. Raises GitError if others hold it too long."""
    try:
        os.makedirs(place.mirror, exist_ok=True)
        lock = os.open(place.mirror + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise GitError(f"the mirror's directory cannot be used: {error}") from error
    try:
        _take(lock, place)
        git = Git(place.mirror, place.timeout)
        if not all(os.path.exists(os.path.join(place.mirror, part)) for part in ("HEAD", "config", "objects")):
            git.run("init", "--bare", "--quiet", "--template=", place.mirror)
        _sweep(place)
        yield Mirror(git, place)
    finally:
        os.close(lock)


def _take(lock: int, place: Place) -> None:
    limit = time.monotonic() + 10 * place.timeout
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise GitError(f"{place.mirror} is in use by another run of this program for too long") from None
            if not told:
                sys.stderr.write(f"waiting for another run of this program on {place.mirror}\n")
            told = True
            time.sleep(_POLL)
        else:
            return


def _sweep(place: Place) -> None:
    """Remove lock files of a killed git, which would stop every fetch for ever.

    A git that outlived its parent could still hold one; it is given as long as a call may take.
    """
    limit = time.monotonic() + place.timeout
    while time.monotonic() < limit:
        young = False
        for path in _locks(place.mirror):
            with suppress(FileNotFoundError):
                if time.time() - os.stat(path).st_mtime < place.timeout:
                    young = True
                else:
                    os.unlink(path)
                    sys.stderr.write(f"removed {path}, which a killed git left\n")
        if not young:
            return
        time.sleep(_POLL)
    for path in _locks(place.mirror):
        with suppress(FileNotFoundError):
            os.unlink(path)


def _locks(mirror: str) -> list[str]:
    found = [os.path.join(mirror, name) for name in os.listdir(mirror) if name.endswith(".lock")]
    for folder, _folders, names in os.walk(os.path.join(mirror, "refs")):
        found += [os.path.join(folder, name) for name in names if name.endswith(".lock")]
    return found
