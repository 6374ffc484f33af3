# SPDX-License-Identifier: GPL-2.0-only
"""``util.cd.ContinuousDeployment``: two lines turn an existing master.cfg into a deploying one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot import config as buildbot_config
from buildbot.configurators import ConfiguratorBase
from buildbot.plugins.db import get_plugins
from buildbot.schedulers.timed import Periodic
from twisted.python import log

from buildbot_cd.config.files import read_text
from buildbot_cd.config.master import parse_master
from buildbot_cd.config.problems import ConfigErrors
from buildbot_cd.config.surroundings import Surroundings
from buildbot_cd.engine.service import Engine
from buildbot_cd.engine.settings import plan_of
from buildbot_cd.plugins.builders import builders_for
from buildbot_cd.plugins.data.service import DataApi
from buildbot_cd.plugins.schedulers.backstop import Backstop
from buildbot_cd.plugins.schedulers.gate import Gate

if TYPE_CHECKING:
    from buildbot_cd.config.master import MasterConfig


PAGES = "cd"
"""The web plugin's name among Buildbot's."""


class ContinuousDeployment(ConfiguratorBase):
    """Adds the gate, its builders, its engine and its pages to a master's configuration.

    ``path`` is cd.yaml's, relative to the folder of master.cfg. What the master has already stays as it is.
    """

    def __init__(self, path: str = "cd.yaml") -> None:
        super().__init__()
        self.path = path
        self.file = folder_of_master_cfg() / path

    def configure(self, config_dict: dict[str, Any]) -> None:
        """Buildbot calls this while it reads master.cfg; errors are collected, all at once."""
        super().configure(config_dict)
        try:
            config = parse_master(read_text(self.file), self.path, self._around())
        except ConfigErrors as errors:
            for problem in errors.problems:
                buildbot_config.error(str(problem))
            return
        self._add(config)

    def _around(self) -> Surroundings:
        workers = {str(worker.name) for worker in self.workers if hasattr(worker, "name")}
        return Surroundings(frozenset(workers), frozenset(_name(builder) for builder in self.builders))

    def _add(self, config: MasterConfig) -> None:
        trunk = config.trunk
        ours = builders_for(config)
        self.builders.extend(ours)
        services = self.config_dict.setdefault("services", [])
        if config.gate is None:
            return
        # Buildbot wants a scheduler for each builder; a check that only the gate starts has no other one.
        driven = [builder.name for builder in ours] + list(plan_of(config).builders)
        gate = Gate(name="cd-gate", repository=trunk.repository, branch=trunk.branch, builderNames=driven)
        self.schedulers.append(gate)
        if config.backstop is not None:
            self.schedulers.append(Backstop(name="cd-backstop"))
        if config.fleet is not None and config.fleet.repair:
            timer = max(1, int(config.fleet.repair))
            self.schedulers.append(Periodic(name="cd-repair", builderNames=["cd-repair"], periodicBuildTimer=timer))
        services.append(Engine(config=config, folder=self.file.parent))
        services.append(DataApi())
        self._show_pages()

    def _show_pages(self) -> None:
        """Switch the web plugin on, where there is a web server and the plugin has its bundle."""
        www = self.config_dict.get("www") or {}
        if not www.get("port") or PAGES in www.setdefault("plugins", {}):
            return
        found: Any = get_plugins("www", None, load_now=True)
        lacks = found.get(PAGES).lacks() if PAGES in found else "cd: the web plugin is not installed; run `make setup`"
        if lacks:
            log.msg(lacks)
        else:
            www["plugins"][PAGES] = {}


def folder_of_master_cfg() -> Path:
    """Where the master.cfg lies that is being read: ``buildbot checkconfig DIR`` reads it from any directory.

    Buildbot runs the file with ``__file__`` and ``basedir`` set; whoever calls from elsewhere gets the current folder.
    """
    frame = inspect.currentframe()
    while frame is not None:
        names = frame.f_globals
        if "basedir" in names and "__file__" in names:
            return Path(names["__file__"]).resolve().parent
        frame = frame.f_back
    return Path.cwd()


def _name(builder: Any) -> str:
    return str(builder["name"] if isinstance(builder, dict) else builder.name)
