# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.testing.repositories import Repository


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The build's folder, which the worker makes."""
    made = tmp_path / "build"
    made.mkdir()
    return made


def checkout(folder: Path, server: Repository, sha: str, ref: str = "refs/heads/main") -> tuple[int, dict[str, Any]]:
    """Exit code and answer of the program."""
    request = json.dumps({"url": server.url, "ref": ref, "sha": sha})
    argv = [sys.executable, "-m", "buildbot_cd.worker.git.checkout"]
    done = subprocess.run(argv, input=request, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout)


def files(folder: Path) -> dict[str, str]:
    """The folder's files outside of .git."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_the_folder_becomes_each_revision_in_turn(folder: Path, server: Repository) -> None:
    """Forwards and back again; what is neither tracked nor ignored goes, what is ignored stays."""
    first = server.commit({"a": "1", ".gitignore": "built\n"})
    second = server.commit({"a": "2", "b/c": "3"})
    assert checkout(folder, server, second) == (0, {"sha": second})
    assert files(folder) == {"a": "2", "b/c": "3", ".gitignore": "built\n"}
    (folder / "built").write_text("x")
    (folder / "stray").write_text("x")
    (folder / "a").write_text("changed here")
    assert checkout(folder, server, first)[0] == 0
    assert files(folder) == {"a": "1", ".gitignore": "built\n", "built": "x"}


def test_what_a_killed_git_left_is_no_obstacle(folder: Path, server: Repository) -> None:
    """A lock of the dead is swept away, and a repository that is no good is made anew."""
    first, second = server.commit({"a": "1"}), server.commit({"a": "2"})
    assert checkout(folder, server, first)[0] == 0
    (folder / ".git" / "index.lock").touch()
    assert checkout(folder, server, second)[0] == 0
    (folder / ".git" / "HEAD").write_text("nonsense")
    (folder / "a").unlink()
    assert checkout(folder, server, first)[0] == 0
    assert files(folder) == {"a": "1"}


def test_a_revision_that_is_on_another_ref_is_found_by_that_ref(folder: Path, server: Repository) -> None:
    """A built candidate never was on trunk."""
    server.commit({"a": "1"})
    built = server.commit({"a": "2"}, ref="refs/cd/candidate/1-1")
    assert checkout(folder, server, built, "refs/cd/candidate/1-1") == (0, {"sha": built})


def test_what_cannot_be_had_is_told(folder: Path, server: Repository) -> None:
    """An unknown revision and a server that is away are errors with git's words; the folder is not left half filled."""
    server.commit({"a": "1"})
    code, answer = checkout(folder, server, "1" * 40)
    assert (code, answer["error"].startswith(f"{'1' * 40} is not to be had from file://")) == (3, True)
    assert files(folder) == {}
    code, answer = checkout(folder, Repository(folder / "nowhere"), "1" * 40)
    assert code == 3
    assert "nowhere" in answer["error"]
    code, answer = checkout(folder, server, "HEAD")
    assert (code, answer) == (2, {"error": "request: sha must be a full sha or null, not 'HEAD'"})
