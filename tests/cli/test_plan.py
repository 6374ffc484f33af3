# SPDX-License-Identifier: GPL-2.0-only
import json
from pathlib import Path

import pytest

from buildbot_cd.cli.main import main

CONFIG = """
trunk: {{repository: /srv/git/shop.git}}
release: {{worker: deploy-1}}
fleet:
  transport: local
  hosts: [web-1, web-2, {{name: web-3, address: 127.0.0.3}}, {{name: cart-1, address: 127.0.0.4, role: cart}}]
  root: "{folder}/{{name}}"
rollout:
  - {{stage: canary, hosts: 2, watch: 2m}}
  - {{stage: fleet, hosts: all, budget: 1}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A cd.yaml for four local hosts."""
    path = tmp_path / "cd.yaml"
    path.write_text(CONFIG.format(folder=tmp_path / "hosts"))
    return path


def test_the_plan_names_every_host_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stages with watch and budget; a canary of each role; the same seed gives the same plan."""
    assert main(["plan", str(config)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "canary: 2 hosts, watched for 120 s, 0 may fail"
    assert "fleet: 2 hosts, not watched, 1 may fail" in said
    assert sorted(line.split()[0] for line in said.splitlines() if line.startswith("  ")) == [
        "cart-1", "web-1", "web-2", "web-3",
    ]  # fmt: skip
    assert said.index("cart-1") < said.index("fleet:")
    assert main(["plan", str(config)]) == 0
    assert capsys.readouterr().out == said


def test_a_probe_says_what_would_be_done_and_does_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each host is told from what to what it would go; no host has a release afterwards."""
    assert main(["plan", str(config), "--probe", "--release", "r-2", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)
    would = {host["would"] for stage in stages for host in stage["hosts"]}
    assert would == {"switch from None to r-2"}
    assert not list((tmp_path / "hosts").rglob("releases"))


def test_without_a_fleet_there_is_nothing_to_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file and what it lacks."""
    (tmp_path / "cd.yaml").write_text("trunk: {repository: /srv/git/shop.git}\n")
    assert main(["plan", str(tmp_path / "cd.yaml")]) == 1
    assert "has no section 'fleet'" in capsys.readouterr().err
