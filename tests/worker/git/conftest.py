# SPDX-License-Identifier: GPL-2.0-only
"""A server, and the program asked the way the step asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.wire import Joiner
from buildbot_cd.errors import GitError
from buildbot_cd.testing.repositories import Repository
from buildbot_cd.worker.git.__main__ import answer, clean
from buildbot_cd.worker.git.request import BadRequest
from buildbot_cd.worker.git.run import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., dict[str, Any]]

BOT = "CD Gate <cd@example.org>"


def run_program(request: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, answer and stderr of one run of the program."""
    argv = [sys.executable, "-m", "buildbot_cd.worker.git"]
    done = subprocess.run(argv, input=request.encode(), capture_output=True, check=False, timeout=100)
    joiner, answers = Joiner(), []
    for row in done.stdout.decode("ascii").splitlines():
        found = joiner.feed(row)
        if found is not None:
            answers.append(found)
    assert len(answers) == 1, done.stderr.decode()
    return done.returncode, answers[0], done.stderr.decode()


def in_process(request: str) -> tuple[int, dict[str, Any]]:
    """As `run_program`, by a plain call: what a test asks often need not start Python each time."""
    try:
        return 0, json.loads(json.dumps(clean(answer(request))))
    except BadRequest as error:
        return 2, {"error": str(error)}
    except (GitError, OSError) as error:
        return 3, {"error": redact(str(error))}


@pytest.fixture
def server(tmp_path: Path) -> Repository:
    """An empty git server."""
    return Repository.create(tmp_path / "server.git")


@pytest.fixture
def ask(tmp_path: Path, server: Repository) -> Ask:
    """Ask the program one thing about the server's trunk; its answer, which has to come with exit code 0."""

    def call(verb: str, *, code: int = 0, **more: Any) -> dict[str, Any]:
        common = {"mirror": str(tmp_path / "mirror.git"), "url": server.url, "branch": "main", "timeout": 30}
        got, answer = in_process(json.dumps({"verb": verb, **common, **more}))
        assert got == code, answer
        return answer

    return call


@pytest.fixture
def revert(ask: Ask) -> Ask:
    """Ask for a revert; whatever a test does not care about is filled in."""

    def call(tested: str, bad: Any, survivors: Any = (), /, **more: Any) -> dict[str, Any]:
        landings = [dict(zip(("id", "base", "head"), one, strict=True)) for one in (*bad, *survivors)]
        filled = {
            "key": f"trunk/{bad[0][0]}/revert/1.0",
            "tested": tested,
            "bad": landings[: len(bad)],
            "survivors": landings[len(bad) :],
            "known_tip": (*bad, *survivors)[-1][2],
            "author": BOT,
            "when": 1_700_100_000,
            "subject": "Add a discount",
            "body": "It failed.",
            "reason": "tests.cart::test_total failed",
            "trailers": [["CD-Auto-Revert", "test"], ["CD-Epoch", "3"]],
            "max_cascade": 3,
            "shadow": False,
            "jitter": 0.01,
        }
        return ask("revert", **{**filled, **more})

    return call
