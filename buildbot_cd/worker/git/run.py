# SPDX-License-Identifier: GPL-2.0-only
"""Starting git: argument lists, a clean environment, and a limit of time on every call."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from buildbot_cd.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL_TIMEOUT = 120.0
"""Seconds for a call that touches no network."""

PIPE_TIMEOUT = 30.0
"""Seconds for two calls of git of which one feeds the other."""

_PURE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}

# Variables by which a caller's repository or name would get into ours. Those for transport (GIT_SSH_COMMAND) stay.
_FOREIGN = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|GRAFT_FILE|"
    r"SHALLOW_FILE|PREFIX|QUARANTINE_PATH|REPLACE_REF_BASE|EXTERNAL_DIFF|DIFF_OPTS|(AUTHOR|COMMITTER)_\w+|\w+_PATHSPECS)"
)
_SETTINGS = (
    "gc.auto=0",
    "maintenance.auto=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "fetch.recurseSubmodules=no",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    # What the replay of a change gives must not depend on who set up the worker.
    "merge.renames=true",
    "merge.directoryRenames=conflict",
    "merge.renameLimit=7000",
    "diff.algorithm=histogram",
)
_SECRET = re.compile(r"(https?://)[^/\s@]+@|(://[^/\s:@]*):[^/\s@]+@")


class GitTimeout(GitError):
    """git did not end in time. Whether a push arrived is then unknown."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a call of git left: its exit code, stdout as it came, stderr as text without passwords."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """The text of stdout; bytes that are no UTF-8 survive as surrogates."""
        return self.out.decode("utf-8", "surrogateescape")


class Git:
    """git on one bare repository. ``timeout`` is the limit of a call over the network, in seconds.

    ``trees`` (commit to tree) and ``replays`` (tree and parents to commit) spare questions whose answer never changes.
    """

    def __init__(self, directory: str, timeout: float) -> None:
        self.directory, self.timeout = directory, timeout
        self.trees: dict[str | None, str] = {}
        self.replays: dict[tuple[str, ...], str] = {}

    def try_(self, *args: str, input_: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        """A call without network, whatever its exit code. Raises GitTimeout."""
        return self._call(args, input_, {**_PURE, **(env or {})}, LOCAL_TIMEOUT)

    def run(self, *args: str, input_: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """A call without network that has to work; its stdout. Raises GitError with git's words."""
        done = self.try_(*args, input_=input_, env=env)
        if done.code:
            raise GitError(f"git {args[0]} ended with {done.code}: {done.err or done.text}")
        return done.text

    def piped(self, first: tuple[str, ...], second: tuple[str, ...], input_: bytes) -> Done:
        """What ``second`` makes of the output of ``first``, however much that is. Raises GitTimeout."""
        with tempfile.TemporaryFile() as asked:
            asked.write(input_)
            asked.seek(0)
            source = self._start(first, _PURE, asked, subprocess.DEVNULL)
        assert source.stdout is not None
        try:
            with source.stdout:
                done = self._call(second, source.stdout, _PURE, PIPE_TIMEOUT)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(source.pid, signal.SIGKILL)
            raise
        finally:
            code = source.wait()
        return Done(done.code or code, done.out, done.err)

    def remote(self, *args: str) -> Done:
        """A call over the network, with the worker's own settings for credentials. Raises GitTimeout."""
        done = self._call(args, b"", {}, self.timeout)
        if done.code:
            sys.stderr.write(f"git {args[0]} ended with {done.code}: {done.err}\n")
        return done

    def _call(self, args: tuple[str, ...], input_: bytes | IO[bytes], env: Mapping[str, str], timeout: float) -> Done:
        data = input_ if isinstance(input_, bytes) else None
        started = self._start(args, env, subprocess.PIPE if isinstance(input_, bytes) else input_, subprocess.PIPE)
        try:
            out, err = started.communicate(data, timeout)
        except subprocess.TimeoutExpired as error:
            raise GitTimeout(f"git {args[0]} did not end within {timeout:g} s {_end(started)}".rstrip()) from error
        except BaseException:
            _end(started)
            raise
        return Done(started.returncode, out, redact(err.decode("utf-8", "replace").strip()))

    def _start(
        self, args: tuple[str, ...], env: Mapping[str, str], stdin: int | IO[bytes], stderr: int
    ) -> subprocess.Popen[bytes]:
        settings = [part for one in _SETTINGS for part in ("-c", one)]
        argv = ["git", f"--git-dir={self.directory}", "--no-pager", *settings, *args]
        try:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(env),
                start_new_session=True,  # no terminal to ask for passwords, and one group to end
            )
        except (OSError, ValueError) as error:
            raise GitError(f"git {args[0]} could not be started: {error}") from error


def redact(text: str) -> str:
    """The text without passwords and tokens of addresses."""
    return _SECRET.sub(lambda found: f"{found[1]}***@" if found[1] else f"{found[2]}:***@", text)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    fixed = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_FLUSH": "1"}
    return {**kept, **fixed, **more}


def _end(started: subprocess.Popen[bytes]) -> str:
    """End git and its helpers: politely first, since git then takes its lock files along. What stderr had to say."""
    for how, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(started.pid, how)
        with suppress(subprocess.TimeoutExpired, ValueError):
            _out, err = started.communicate(timeout=patience)
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            return redact(err.decode("utf-8", "replace").strip())
    return ""
