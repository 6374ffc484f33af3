# SPDX-License-Identifier: GPL-2.0-only
"""Verb revert against a server that is busy, refuses, hangs or dies, and a program that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]

# A hook runs with the pushed objects aside; without these variables it acts on the server as anybody else does.
FREE = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES"
SECONDS = 30.0


def _trouble(server: Repository) -> tuple[str, str]:
    green = server.commit({"a": "1"})
    return green, server.commit({"a": "2"})


def _reverts(server: Repository) -> list[str]:
    """Trunk's commits that say they are reverts."""
    told = server.git(
        "log", "--first-parent", "--format=%H %(trailers:key=CD-Reverts,valueonly,separator=%x2C)", "main"
    )
    return [row.split()[0] for row in told.splitlines() if len(row.split()) > 1]


def test_a_push_that_comes_in_between_is_kept(server: Repository, revert: Ask) -> None:
    """The revert is computed anew on what somebody else pushed at the last moment."""
    green, bad = _trouble(server)
    raced = server.commit({"b": "1"}, parent=bad, ref="refs/heads/raced")
    server.hook("pre-receive", f"{FREE}; test -e done && exit 0; touch done; git update-ref refs/heads/main {raced}")
    answer = revert(green, [(1, green, bad)])
    assert server.git("rev-parse", f"{answer['sha']}^") == raced
    assert server.files(str(server.tip())) == {"a": "1", "b": "1"}
    assert [(one["sha"], one["evicted"]) for one in answer["unseen"]] == [(raced, False)]
    assert _reverts(server) == [answer["sha"]]


def test_a_push_that_depends_and_comes_in_between_goes(server: Repository, revert: Ask) -> None:
    """What was pushed at the last moment on top of the bad change is evicted in the same commit."""
    green, bad = _trouble(server)
    raced = server.commit({"a": "3"}, parent=bad, ref="refs/heads/raced")
    server.hook("pre-receive", f"{FREE}; test -e done && exit 0; touch done; git update-ref refs/heads/main {raced}")
    answer = revert(green, [(1, green, bad)])
    assert answer["also"] == [raced]
    assert server.files(str(server.tip())) == {"a": "1"}


def test_a_trunk_that_never_rests_is_given_up(server: Repository, revert: Ask) -> None:
    """After ten races the answer says so; every push of the others is still there."""
    green, bad = _trouble(server)
    tip = bad
    for number in range(12):
        tip = server.commit({f"n{number}": "1"}, parent=tip, ref="refs/heads/raced")
    script = f"""
        {FREE}
        count=$(cat count 2>/dev/null || echo 12); count=$((count - 1)); echo $count > count
        git update-ref refs/heads/main refs/heads/raced~$count
    """
    server.hook("pre-receive", textwrap.dedent(script))
    answer = revert(green, [(1, green, bad)])
    assert "trunk moved during each of 10 tries" in answer["refused"]
    assert server.tip() == server.git("rev-parse", "refs/heads/raced~2")
    assert _reverts(server) == []


def test_a_refusal_is_told_in_the_servers_words(server: Repository, revert: Ask) -> None:
    """Nothing is tried again, and nothing has moved."""
    green, bad = _trouble(server)
    server.hook("pre-receive", "echo run >> runs; echo trunk is closed for audits >&2; exit 1")
    answer = revert(green, [(1, green, bad)])
    assert "trunk is closed for audits" in answer["refused"]
    assert server.tip() == bad
    assert (server.path / "runs").read_text().split() == ["run"]


def test_a_refused_mark_keeps_the_revert_off_trunk(server: Repository, revert: Ask) -> None:
    """Trunk and the ref that names the revert move together or not at all."""
    green, bad = _trouble(server)
    server.hook("update", 'case "$1" in refs/cd/*) echo no such refs here >&2; exit 1;; esac')
    assert "no such refs here" in revert(green, [(1, green, bad)])["refused"]
    assert server.tip() == bad


def test_a_server_that_hangs_after_it_took_the_push(server: Repository, revert: Ask) -> None:
    """The push runs into its limit; a look at the server tells that it arrived, and it is not made twice."""
    green, bad = _trouble(server)
    server.hook("post-receive", f"echo run >> runs; exec sleep {SECONDS:g}")
    answer = revert(green, [(1, green, bad)], timeout=2)
    assert server.tip() == answer["sha"]
    assert (server.path / "runs").read_text().split() == ["run"]


def test_a_server_that_hangs_before_it_takes_the_push(server: Repository, revert: Ask) -> None:
    """The outcome is unknown each time: an error, never a claim. A later run with the same key ends it."""
    green, bad = _trouble(server)
    server.hook("pre-receive", f"exec sleep {SECONDS:g}")
    assert "could not be pushed" in revert(green, [(1, green, bad)], timeout=0.7, code=3)["error"]
    assert server.tip() == bad
    server.hook("pre-receive", "exit 0")
    answer = revert(green, [(1, green, bad)])
    assert _reverts(server) == [answer["sha"]]


def test_a_push_that_arrives_late_is_found(server: Repository, revert: Ask) -> None:
    """The first push was given up, and arrives while the second run is about to push the same: one revert."""
    green, bad = _trouble(server)
    server.hook("pre-receive", "touch waiting; while ! test -e go; do sleep 0.05; done")
    revert(green, [(1, green, bad)], timeout=0.7, code=3)
    timer = threading.Timer(0.2, (server.path / "go").touch)
    timer.start()
    answer = revert(green, [(1, green, bad)], timeout=SECONDS)
    timer.join()
    assert _reverts(server) == [answer["sha"]] == [server.tip()]


def test_a_killed_git_push_is_looked_up(server: Repository, revert: Ask, tmp_path: Path) -> None:
    """`kill -9` of git when the server has taken the push: the revert is there once, in one run."""
    shim = _shim(
        tmp_path, 'case " $* " in *" push "*) "$real" "$@" & wait; test -e once || { touch once; kill -9 $$; };; esac'
    )
    green, bad = _trouble(server)
    with _path(shim):
        answer = revert(green, [(1, green, bad)])
    assert (shim / "once").exists()
    assert _reverts(server) == [answer["sha"]]


def _shim(folder: Path, script: str) -> Path:
    """A directory with a `git` of its own, in which `$real` is the real one."""
    place = folder / "shim"
    place.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    lines = ["#!/bin/sh", f"real={real}", f"cd {place} || exit 1", script, 'exec "$real" "$@"', ""]
    (place / "git").write_text("\n".join(lines))
    (place / "git").chmod(0o755)
    return place


class _path:  # noqa: N801 - used as a block
    def __init__(self, shim: Path) -> None:
        self.shim = shim

    def __enter__(self) -> None:
        self.before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.shim}:{self.before}"

    def __exit__(self, *_: object) -> None:
        os.environ["PATH"] = self.before


def _request(server: Repository, tmp_path: Path, green: str, bad: str) -> str:
    return json.dumps(
        {
            "verb": "revert",
            "mirror": str(tmp_path / "mirror.git"),
            "url": server.url,
            "branch": "main",
            "key": "trunk/1/revert/1.0",
            "tested": green,
            "bad": [{"id": 1, "base": green, "head": bad}],
            "survivors": [],
            "known_tip": bad,
            "author": "CD Gate <cd@example.org>",
            "when": 1_700_100_000,
            "subject": "x",
            "trailers": [["CD-Auto-Revert", "test"]],
            "timeout": 1,
        }
    )


def _started(request: str, path: str) -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, "-m", "buildbot_cd.worker.git"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": path},
    )
    assert started.stdin is not None
    started.stdin.write(request.encode())
    started.stdin.close()
    started.stdin = None
    return started


def _boundaries() -> Iterator[int]:
    """Calls of git at which the program is killed; all of them with CD_LONG_TESTS, every third without."""
    return iter(range(1, 45, 1 if os.environ.get("CD_LONG_TESTS") else 4))


class Killer:
    """Runs the program with a `git` that ends it by `kill -9`, before or after its n-th call."""

    def __init__(self, folder: Path, when: str) -> None:
        count = "n=$(cat n); n=$((n + 1)); echo $n > n; test $n = $(cat at) && hit=1"
        call = '"$real" "$@"; ' if when == "after" else ""
        self.shim = _shim(folder, f'{count}\ntest -z "$hit" || {{ {call}kill -9 $PPID; exit 1; }}')

    def run(self, request: str, number: int) -> int:
        """The exit code; -9 if the program made so many calls."""
        (self.shim / "n").write_text("0")
        (self.shim / "at").write_text(str(number))
        program = _started(request, f"{self.shim}:{os.environ['PATH']}")
        program.communicate(timeout=SECONDS)
        return program.returncode


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_revert_is_killed_at_every_call_of_git(server: Repository, revert: Ask, tmp_path: Path, when: str) -> None:
    """`kill -9` of the program before or after its n-th call of git: the next run ends with one revert on trunk."""
    killer = Killer(tmp_path, when)
    green, bad = _trouble(server)
    codes = []
    for number in _boundaries():
        server.git("update-ref", "refs/heads/main", bad)
        server.git("update-ref", "-d", "refs/cd/revert/1")
        codes.append(killer.run(_request(server, tmp_path, green, bad), number))
        answer = revert(green, [(1, green, bad)], timeout=1)
        assert _reverts(server) == [answer["sha"]] == [server.tip()], number
        assert server.tree(answer["sha"]) == server.tree(green)
        if codes[-1] == 0:
            break
    assert codes.count(-signal.SIGKILL) > 4
    assert codes[-1] == 0, "the list of boundaries does not reach the program's end"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_candidate_is_killed_at_every_call_of_git(server: Repository, ask: Ask, tmp_path: Path, when: str) -> None:
    """The next run gives the sha that every run gives, and the server has it."""
    killer = Killer(tmp_path, when)
    green, bad = _trouble(server)
    head = server.commit({"b": "1"})
    asked = {"id": 7, "attempt": 1, "when": 5, "author": "CD Gate <cd@example.org>", "onto": green, "base": bad}
    common = {"verb": "candidate", "mirror": str(tmp_path / "mirror.git"), "url": server.url, "branch": "main"}
    codes, shas = [], set()
    for number in _boundaries():
        server.git("update-ref", "-d", "refs/cd/candidate/7-1")
        codes.append(killer.run(json.dumps({**common, **asked, "head": head, "timeout": 1}), number))
        answer = ask("candidate", **asked, head=head, timeout=1)
        assert server.tip("refs/cd/candidate/7-1") == answer["sha"]
        shas.add(answer["sha"])
        if codes[-1] == 0:
            break
    assert len(shas) == 1
    assert codes.count(-signal.SIGKILL) > 2
    assert codes[-1] == 0, "the list of boundaries does not reach the program's end"


def test_two_programs_at_once_make_one_revert(server: Repository, tmp_path: Path) -> None:
    """Two workers with mirrors of their own and the same request: both tell the same revert."""
    green, bad = _trouble(server)
    first = _started(_request(server, tmp_path / "one", green, bad), os.environ["PATH"])
    second = _started(_request(server, tmp_path / "two", green, bad), os.environ["PATH"])
    answers = [json.loads(one.communicate(timeout=SECONDS)[0]) for one in (first, second)]
    assert answers[0]["sha"] == answers[1]["sha"] == server.tip()
    assert len(_reverts(server)) == 1


def test_two_programs_on_one_mirror_take_turns(server: Repository, tmp_path: Path) -> None:
    """The second waits for the first, and finds what it did."""
    green, bad = _trouble(server)
    both = [_started(_request(server, tmp_path, green, bad), os.environ["PATH"]) for _ in range(2)]
    answers = [json.loads(one.communicate(timeout=SECONDS)[0]) for one in both]
    assert {answer["sha"] for answer in answers} == {server.tip()}
    assert sum(bool(answer.get("adopted")) for answer in answers) == 1


def test_locks_of_a_killed_git_are_swept(server: Repository, revert: Ask, tmp_path: Path) -> None:
    """A lock that is left in the mirror stops nobody for longer than a call may take."""
    green, bad = _trouble(server)
    revert(green, [(1, green, bad)], shadow=True)
    for name in ("packed-refs.lock", "refs/x.lock", "config.lock"):
        (tmp_path / "mirror.git" / name).touch()
    before = time.monotonic()
    answer = revert(green, [(1, green, bad)], timeout=1)
    assert server.tip() == answer["sha"]
    assert time.monotonic() - before < SECONDS


def test_a_server_that_is_away_is_an_error_that_names_it(server: Repository, revert: Ask) -> None:
    """Exit code 3 with git's words; no claim about the revert."""
    green, bad = _trouble(server)
    moved = server.path.rename(server.path.with_suffix(".away"))
    assert "git fetch" in revert(green, [(1, green, bad)], code=3)["error"]
    moved.rename(server.path)
    assert server.tip() == bad
