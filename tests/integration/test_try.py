# SPDX-License-Identifier: GPL-2.0-only
"""Stock ``buildbot try`` against a real master with ``schedulers.cd.Try``."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.cli.demo.site import BUILDBOT
from buildbot_cd.cli.demo.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

MAP = """\
rules:
  - {paths: app.txt, tags: [app]}
  - {paths: lib/**, tags: [lib]}
tags: {app: all of it, lib: what others use}
"""
OURS = "import sys; from buildbot_cd.cli.main import main; sys.exit(main())"
LIB = """\
import pytest

@pytest.mark.tags("lib")
def test_lib():
    assert True
"""


def try_it(yard: Yard, tree: Path, *more: str) -> str:
    """What the stock client prints about the tree's patch."""
    client = [sys.executable, "-c", BUILDBOT, "try", "--connect=pb", f"--master=127.0.0.1:{yard.site.try_port}"]
    argv = [*client, "--username=ada", "--passwd=secret", "--vc=git", "--branch=main", "--builder=cd-try", "--wait"]
    done = subprocess.run([*argv, *more], cwd=tree, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


def sandbox(yard: Yard) -> Path:
    """Ada's clone with a patch: a test breaks, and new files come in, one of them with a tag that she forgets."""
    tree = yard.clones["ada"]
    (tree / "lib").mkdir()
    for path, text in (
        ("app.txt", "first\nbroken-4\n"),
        ("lib/new.txt", "new\n"),
        ("tests/test_lib.py", LIB),
        (".buildbot-cd.yaml", MAP),
    ):
        (tree / path).write_text(text)
    git(tree, "add", "--all")
    return tree


def test_stock_try_tells_what_failed_and_which_tag_is_missing(yard: Yard) -> None:
    """The client's one line names the failed test and the tag that only a new file of the patch asks for."""
    yard.start()
    said = try_it(yard, sandbox(yard), "--who=mallory@shop.example", "--property=tags=app")
    told = [one for one in said.splitlines() if one.startswith("cd-try: failure")]
    assert told, said
    line = told[-1]
    assert "8 tests, 1 failed: tests/test_app.py::test_number[4]" in line
    assert "missing tags: lib" in line
    assert yard.commits() == ["The first"]
    build = tried(yard)
    assert build["properties"]["cd_engineer"][0] == "ada"
    assert build["patch"]["author"] == "ada"
    assert "mallory" not in str(build)
    said = try_ours(yard, yard.clones["ada"])
    assert "tests/test_lib.py::test_lib  [" in said
    assert [one for one in said.splitlines() if one.startswith("cd-try: failure")] == [
        line.replace("; missing tags: lib", "") for line in told[-1:]
    ]


def try_ours(yard: Yard, tree: Path) -> str:
    """What our own command prints about the same patch, with both tags declared."""
    word = yard.directory / "word"
    word.write_text("secret\n")
    argv = [sys.executable, "-c", OURS, "try", "--python", sys.executable, "--tags=app,lib"]
    argv += [f"--master=127.0.0.1:{yard.site.try_port}", "--username=ada", f"--password-file={word}"]
    done = subprocess.run(argv, cwd=tree, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    return done.stdout


def tried(yard: Yard) -> dict[str, Any]:
    """The try build's properties and its patch."""
    (builder,) = [one for one in yard.site.get("builders")["builders"] if one["name"] == "cd-try"]
    (build,) = yard.site.get(f"builders/{builder['builderid']}/builds")["builds"]
    (properties,) = yard.site.get(f"builds/{build['buildid']}/properties")["properties"]
    (patch,) = [one["patch"] for one in yard.site.get("sourcestamps")["sourcestamps"] if one["patch"]]
    return {"properties": properties, "patch": patch}
