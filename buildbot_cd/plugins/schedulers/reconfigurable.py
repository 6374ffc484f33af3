# SPDX-License-Identifier: GPL-2.0-only
"""What our schedulers are made of: Buildbot 4.3's ``ReconfigurableBaseScheduler``, and the same on Buildbot 4.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.schedulers import base

if TYPE_CHECKING:
    from buildbot.schedulers.base import ReconfigurableBaseScheduler as Reconfigurable
else:

    class _Older(base.BaseScheduler):
        """Buildbot 4.2's scheduler, which takes its settings once and for all when it is made.

        Its constructor is passed over, so that it is a service as all others are: ``checkConfig`` when a configuration
        is read, ``reconfigService`` when it comes into force. What the settings mean is left to a scheduler of
        Buildbot's own that is made of the same ones.
        """

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super(base.BaseScheduler, self).__init__(*args, **kwargs)
            blank = base.BaseScheduler(self.name, [])
            for name in ("objectid", "enabled", "_change_consumer", "_enable_consumer", "_change_consumption_lock"):
                setattr(self, name, getattr(blank, name))

        def checkConfig(self, builderNames: Any, **settings: Any) -> None:
            base.BaseScheduler("checked", builderNames, **settings)
            self.builderNames = builderNames

        def reconfigService(self, builderNames: Any, **settings: Any) -> None:
            made = base.BaseScheduler(self.name, builderNames, **settings)
            for name in ("builderNames", "properties", "codebases", "priority"):
                setattr(self, name, getattr(made, name))

    Reconfigurable = getattr(base, "ReconfigurableBaseScheduler", _Older)

__all__ = ["Reconfigurable"]
