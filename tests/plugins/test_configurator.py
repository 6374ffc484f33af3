# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path
from typing import Any

from buildbot.config import BuilderConfig
from buildbot.config.errors import capture_config_errors
from buildbot.process.factory import BuildFactory
from buildbot.worker import Worker

from buildbot_cd.plugins.configurator import ContinuousDeployment

TEXT = """\
trunk: {repository: /srv/git/shop.git}
git: {worker: w-1, author: "Deploy <deploy@example.org>"}
gate: {}
checks: [{builder: lint}]
"""


def configured(path: Path, text: str) -> dict[str, Any]:
    """A master's configuration with one worker and one builder, after ours was added."""
    path.write_text(text)
    lint = BuilderConfig(name="lint", workernames=["w-1"], factory=BuildFactory())
    config: dict[str, Any] = {"workers": [Worker("w-1", "secret")], "builders": [lint]}
    ContinuousDeployment(str(path)).configure(config)
    return config


def test_a_check_needs_no_scheduler_of_its_own(tmp_path: Path) -> None:
    """Buildbot refuses a builder that no scheduler drives; one that only the gate starts is driven by the gate's."""
    (gate,) = configured(tmp_path / "cd.yaml", TEXT)["schedulers"]
    assert gate._config_kwargs["builderNames"] == ["cd-git", "lint"]


def test_what_is_wrong_is_told_all_at_once(tmp_path: Path) -> None:
    """Each mistake in cd.yaml is one of Buildbot's own configuration errors."""
    with capture_config_errors() as errors:
        configured(tmp_path / "cd.yaml", TEXT.replace("w-1, author", "w-2, author").replace("{}", "{mod: x}"))
    assert [one.split(": ")[1] for one in errors.errors] == ["git.worker", "gate.mod"]
