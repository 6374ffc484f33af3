# SPDX-License-Identifier: GPL-2.0-only
"""What an existing master has: read from its own master.cfg, as Buildbot itself reads it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buildbot.config.errors import ConfigErrors as BuildbotErrors
from buildbot.config.errors import capture_config_errors
from buildbot.config.master import FileLoader, MasterConfig, loadConfigDict

from buildbot_cd.errors import ConfigError

CONFIG = "master.cfg"
SECONDS = 10.0
"""How long the repository may take to say which branch is its own."""


@dataclass(frozen=True)
class Facts:
    """A master: its folder, workers, builders, what its pollers watch (repository, branch), and its pages' address.

    ``refused`` is what Buildbot says against its configuration since continuous deployment is part of it.
    """

    folder: Path
    workers: tuple[str, ...]
    builders: tuple[str, ...]
    watched: tuple[tuple[str, str], ...]
    pages: str
    authorised: bool
    refused: tuple[str, ...] = ()

    @property
    def config(self) -> Path:
        """Its master.cfg."""
        return self.folder / CONFIG


def read_facts(folder: Path) -> Facts:
    """Read a master's folder, also one whose cd.yaml is wrong or missing.

    Raises ConfigError if it is none, with all that Buildbot says of its master.cfg.
    """
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"{folder} is no master's folder: it has no {CONFIG}")
    # A master.cfg may open files beside it by their names: Buildbot's own commands stand in its folder too.
    with warnings.catch_warnings(), contextlib.chdir(folder):
        warnings.simplefilter("ignore")  # what Buildbot says to its owner at each start is no answer to a question
        config, refused = _load(str(Path.cwd()))
    return Facts(
        folder=folder,
        workers=tuple(str(worker.name) for worker in config.workers),
        builders=tuple(str(one.name) for one in config.builders if not str(one.name).startswith("cd-")),
        watched=tuple(dict.fromkeys(found for source in config.change_sources if (found := _watched(source)))),
        pages=str(config.buildbotURL),
        authorised=bool(config.www.get("authz") and config.www["authz"].allowRules),
        refused=refused,
    )


def _load(folder: str) -> tuple[MasterConfig, tuple[str, ...]]:
    """The configuration as Buildbot reads it; where that fails, without us, and what was said of the whole."""
    try:
        return FileLoader(folder, CONFIG).loadConfig(), ()
    except BuildbotErrors as error:
        said = tuple(error.errors)
    try:
        with capture_config_errors(raise_on_error=True):
            filename, found = loadConfigDict(folder, CONFIG)
            configurators = found.get("configurators", [])
            others = [one for one in configurators if not type(one).__module__.startswith("buildbot_cd.")]
            return MasterConfig.loadFromDict({**found, "configurators": others}, filename), said
    except BuildbotErrors as error:
        told = f"{folder}/{CONFIG} cannot be used; `buildbot checkconfig {folder}` says more:"
        raise ConfigError("\n".join([told, *said])) from error


def default_branch(repository: str) -> str:
    """The branch that the repository itself calls its own; ``main`` if it does not say so within a moment."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **os.environ}
    argv = ["git", "ls-remote", "--symref", "--", repository, "HEAD"]
    try:
        done = subprocess.run(argv, env=quiet, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "main"
    found = re.match(r"ref: refs/heads/(\S+)\tHEAD", done.stdout)
    return found[1] if found else "main"


def _watched(source: Any) -> tuple[str, str] | None:
    """What a poller was configured with: before it has started, that is all there is of it."""
    args, kwargs = getattr(source, "_config_args", ()), getattr(source, "_config_kwargs", {})
    repository = kwargs.get("repourl") or next((one for one in args if isinstance(one, str)), None)
    branches = kwargs.get("branches")
    branch = kwargs.get("branch") or (branches[0] if isinstance(branches, list | tuple) and branches else "main")
    return (str(repository), str(branch).removeprefix("refs/heads/")) if repository else None
