# SPDX-License-Identifier: GPL-2.0-only
"""What a worker is sent, taken apart in an empty folder as there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.plugins.steps.pytest_program import PROGRAMS, UNPACK, bundle
from tests.worker.tests.conftest import events_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NID = "pytest:test_a.py::test_1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A builder's folder on a worker, with a checkout in build/."""
    top = tmp_path_factory.mktemp("builder")
    (top / "build").mkdir()
    (top / "build" / "test_a.py").write_text("def test_1(): pass\n")
    (top / "cd_programs.json").write_text(bundle())
    subprocess.run([sys.executable, "-c", UNPACK, "../cd_programs.json"], cwd=top / "build", check=True)
    return top


def called(folder: Path, *argv: str, stdin: str = "") -> list[dict[str, Any]]:
    """What a program says."""
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=folder / "build",
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return events_in(done.stdout)


def test_the_programs_need_nothing_but_each_other(folder: Path) -> None:
    """They collect, run, stay, and compare syntax trees where nothing of ours is installed."""
    assert [one["nid"] for one in called(folder, "../cd_pytest.py", "collect", "--") if one["event"] == "test"] == [NID]
    ran = called(folder, "../cd_pytest.py", "run", "--ran", "../cd_ran.py", "--tests", "-", "--", stdin=NID + "\n")
    assert [one["outcome"] for one in ran if one["event"] == "result"] == ["passed"]
    socket = ("--socket", "../w.sock")
    called(folder, "../cd_warm.py", "start", *socket, "--ran", "../cd_ran.py", "--")
    warm = called(folder, "-S", "../cd_client.py", socket[1], stdin=json.dumps({"tests": [{"nid": NID}]}))
    called(folder, "../cd_warm.py", "stop", *socket)
    assert [one["outcome"] for one in warm if one["event"] == "result"] == ["passed"]


def imported(text: str) -> Iterator[str]:
    """The packages that a program may import when it runs: what stands behind TYPE_CHECKING is not."""
    tree = ast.parse(text)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or ".").partition(".")[0]


def test_the_programs_import_no_buildbot() -> None:
    """Only the standard library, pytest, and what is sent beside them; of our package, only where it lies anyway."""
    programs: dict[str, str] = json.loads(bundle())
    beside = {name.removesuffix(".py") for name in (*programs, *PROGRAMS)}
    for name, text in programs.items():
        foreign = set(imported(text)) - set(sys.stdlib_module_names) - beside - {"pytest", "buildbot_cd"}
        assert not foreign, f"{name} imports {foreign}"
