# SPDX-License-Identifier: GPL-2.0-only
"""``util.cd.ContinuousDeployment``: two lines turn an existing master.cfg into a deploying one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot import config as buildbot_config
from buildbot.configurators import ConfiguratorBase

from buildbot_cd.config.master import load_master
from buildbot_cd.config.problems import ConfigErrors
from buildbot_cd.engine.service import Engine
from buildbot_cd.engine.settings import plan_of
from buildbot_cd.plugins.builders import builders_for
from buildbot_cd.plugins.schedulers.gate import Gate

if TYPE_CHECKING:
    from buildbot_cd.config.master import MasterConfig


class ContinuousDeployment(ConfiguratorBase):
    """Adds the gate, its builders, its engine and its pages to a master's configuration.

    ``path`` is cd.yaml's, relative to the folder of master.cfg. What the master has already stays as it is.
    """

    def __init__(self, path: str = "cd.yaml") -> None:
        super().__init__()
        self.path = path

    def configure(self, config_dict: dict[str, Any]) -> None:
        """Buildbot calls this while it reads master.cfg; errors are collected, all at once."""
        super().configure(config_dict)
        try:
            config = load_master(Path(self.path))
        except ConfigErrors as errors:
            for problem in errors.problems:
                buildbot_config.error(str(problem))
            return
        self._check_names(config)
        self._add(config)

    def _check_names(self, config: MasterConfig) -> None:
        workers = {str(worker.name) for worker in self.workers if hasattr(worker, "name")}
        builders = {_name(builder) for builder in self.builders}
        for key, name in _needed_workers(config):
            if name not in workers:
                buildbot_config.error(f"{self.path}: {key}: no worker is called {name!r} in c['workers']")
        for check in config.checks:
            if check.builder is not None and check.builder not in builders:
                buildbot_config.error(f"{self.path}: checks: no builder is called {check.builder!r} in c['builders']")

    def _add(self, config: MasterConfig) -> None:
        trunk = config.trunk
        ours = builders_for(config)
        self.builders.extend(ours)
        services = self.config_dict.setdefault("services", [])
        if config.gate is None:
            return
        driven = [builder.name for builder in ours]
        gate = Gate(name="cd-gate", repository=trunk.repository, branch=trunk.branch, builderNames=driven)
        self.schedulers.append(gate)
        services.append(Engine(config=config, folder=Path(self.path).resolve().parent))


def _needed_workers(config: MasterConfig) -> list[tuple[str, str]]:
    needed = [("git.worker", config.git.worker)] if config.git else []
    needed += [("release.worker", config.release.worker)] if config.release else []
    return needed + [("checks.tests.workers", name) for name in plan_of(config).pool]


def _name(builder: Any) -> str:
    return str(builder["name"] if isinstance(builder, dict) else builder.name)
