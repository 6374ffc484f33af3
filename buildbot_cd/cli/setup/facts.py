# SPDX-License-Identifier: GPL-2.0-only
"""What an existing master has: read from its own master.cfg, as Buildbot itself reads it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot.config.errors import ConfigErrors as BuildbotErrors
from buildbot.config.master import FileLoader

from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "master.cfg"


@dataclass(frozen=True)
class Facts:
    """A master: its folder, workers, builders, what its pollers watch (repository, branch), and its pages' address."""

    folder: Path
    workers: tuple[str, ...]
    builders: tuple[str, ...]
    watched: tuple[tuple[str, str], ...]
    pages: str
    authorised: bool

    @property
    def config(self) -> Path:
        """Its master.cfg."""
        return self.folder / CONFIG


def read_facts(folder: Path) -> Facts:
    """Read a master's folder. Raises ConfigError if it is none, with all that Buildbot says of its master.cfg."""
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"{folder} is no master's folder: it has no {CONFIG}")
    ours = "cd.ContinuousDeployment" in (folder / CONFIG).read_text("utf-8")
    if ours and not (folder / "cd.yaml").exists():
        raise ConfigError(
            f"{folder / CONFIG} names cd.ContinuousDeployment, and its cd.yaml is missing: take that line out"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Buildbot says to its owner at each start is no answer to a question
            config = FileLoader(str(folder), CONFIG).loadConfig()
    except BuildbotErrors as error:
        raise ConfigError(f"{folder / CONFIG} cannot be used:\n" + "\n".join(error.errors)) from error
    return Facts(
        folder=folder,
        workers=tuple(str(worker.name) for worker in config.workers),
        builders=tuple(str(one.name) for one in config.builders if not str(one.name).startswith("cd-")),
        watched=tuple(dict.fromkeys(found for source in config.change_sources if (found := _watched(source)))),
        pages=str(config.buildbotURL),
        authorised=bool(config.www.get("authz") and config.www["authz"].allowRules),
    )


def _watched(source: Any) -> tuple[str, str] | None:
    """What a poller was configured with: before it has started, that is all there is of it."""
    args, kwargs = getattr(source, "_config_args", ()), getattr(source, "_config_kwargs", {})
    repository = kwargs.get("repourl") or next((one for one in args if isinstance(one, str)), None)
    branches = kwargs.get("branches")
    branch = kwargs.get("branch") or (branches[0] if isinstance(branches, list | tuple) and branches else "main")
    return (str(repository), str(branch).removeprefix("refs/heads/")) if repository else None
