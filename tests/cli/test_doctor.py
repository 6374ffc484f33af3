# SPDX-License-Identifier: GPL-2.0-only
"""What ``buildbot-cd doctor`` says where nothing runs yet; with a real master see tests/integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.cli import main

MASTER = """\
from buildbot.plugins import schedulers, util, worker
c = BuildmasterConfig = {"buildbotURL": "http://127.0.0.1:9/", "buildbotNetUsageData": None}
with open("password") as beside:
    c["workers"] = [worker.Worker("git-1", beside.read())]
c["builders"] = [util.BuilderConfig(name="tests", workernames=["git-1"], factory=util.BuildFactory())]
c["schedulers"] = [schedulers.ForceScheduler(name="force", builderNames=["tests"])]
c["protocols"] = {"pb": {"port": "tcp:0:interface=127.0.0.1"}}
c["www"] = {"port": "tcp:9:interface=127.0.0.1"}
"""
CD = """\
trunk: {repository: /nowhere/shop.git, branch: main}
git: {worker: git-1, author: Deploy <deploy@example.org>}
gate: {}
checks: [{builder: tests}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A master's folder with a configuration that knows nothing of us."""
    (tmp_path / "password").write_text("secret")
    (tmp_path / "master.cfg").write_text(MASTER)
    return tmp_path


def findings(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, Any]]:
    """By part, the last thing that was found; something is wrong."""
    assert main.main(["doctor", str(folder), "--json", *words]) == 1
    return {one["part"]: one for one in json.loads(capsys.readouterr().out)}


def test_without_a_cd_yaml_the_way_to_one_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever begins with doctor learns of init."""
    found = findings(folder, capsys)
    assert found["config"]["text"] == f"there is no {folder / 'cd.yaml'}"
    assert found["config"]["remedy"].startswith(f"buildbot-cd init {folder} writes it")


def test_a_master_that_does_not_run_is_to_be_started(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The remedy is a command that can be typed, and no option is named that doctor does not have."""
    (folder / "cd.yaml").write_text(CD)
    found = findings(folder, capsys)
    assert "util.cd.ContinuousDeployment('cd.yaml')" in found["config"]["remedy"]
    assert found["master"]["text"].startswith("no master answers at http://127.0.0.1:9")
    assert found["master"]["remedy"].startswith(f"buildbot start {folder}")
    assert "--master" not in found["master"]["text"]
    assert "/nowhere/shop.git" in found["git"]["text"]
    assert found["git"]["remedy"] == "mend trunk.repository, trunk.branch or the key"


def test_a_part_can_be_looked_at_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the ones that take long."""
    (folder / "cd.yaml").write_text(CD)
    assert set(findings(folder, capsys, "--part", "git")) == {"config", "git"}
