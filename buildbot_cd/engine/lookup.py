# SPDX-License-Identifier: GPL-2.0-only
"""How steps, schedulers and endpoints find the engine of their master."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.engine.service import NAME, Engine
from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from buildbot.master import BuildMaster


def engine_of(master: BuildMaster) -> Engine:
    """The engine that the configurator put on this master. Raises ConfigError if there is none."""
    found = master.service_manager.namedServices.get(NAME)
    if not isinstance(found, Engine):
        msg = "this master has no continuous deployment: add util.cd.ContinuousDeployment('cd.yaml') to configurators"
        raise ConfigError(msg)
    return found
