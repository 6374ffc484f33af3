# SPDX-License-Identifier: GPL-2.0-only
"""``schedulers.cd.Backstop``: the clock of the backstop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot import config as buildbot_config
from twisted.internet import defer, task

from buildbot_cd.engine.backstop_runs import BUILDER, EXPLAINER
from buildbot_cd.engine.logs import logged
from buildbot_cd.engine.lookup import engine_of
from buildbot_cd.plugins.schedulers.reconfigurable import Reconfigurable

if TYPE_CHECKING:
    from collections.abc import Sequence


class Backstop(Reconfigurable):
    """Lets the engine look every few seconds for what idle workers can do, and moves searches along.

    ``every`` is the time between two looks, in seconds. Of several masters the one runs it on which Buildbot has it
    active; what is to be done is read from the database each time.
    """

    compare_attrs: ClassVar[Sequence[str]] = ("every",)

    def checkConfig(  # type: ignore[override]
        self, builderNames: Sequence[str] = (BUILDER, EXPLAINER), every: float = 3.0, **kwargs: Any
    ) -> Any:
        """Buildbot's check of the configuration."""
        if not every > 0:
            buildbot_config.error("schedulers.cd.Backstop: every should be a number of seconds above 0")
        return super().checkConfig(builderNames=list(builderNames), **kwargs)

    @defer.inlineCallbacks
    def reconfigService(  # type: ignore[override]
        self, builderNames: Sequence[str] = (BUILDER, EXPLAINER), every: float = 3.0, **kwargs: Any
    ) -> Any:
        """Buildbot's start and change of the configuration."""
        yield super().reconfigService(builderNames=list(builderNames), **kwargs)
        self.every = every

    @defer.inlineCallbacks
    def activate(self) -> Any:
        """Begin to look."""
        yield super().activate()
        if self.enabled:
            self._timer = task.LoopingCall(self.look)
            self._timer.clock = self.master.reactor
            self._timer.start(self.every, now=False).addErrback(logged("buildbot_cd: the backstop's timer stopped"))

    @defer.inlineCallbacks
    def deactivate(self) -> Any:
        """Look no more."""
        timer = self.__dict__.pop("_timer", None)
        if timer is not None and timer.running:
            timer.stop()
        yield super().deactivate()

    def look(self) -> Any:
        """One look. The engine of a master that starts or stops is not ready: then there is nothing to do."""
        found = defer.maybeDeferred(self._look)
        return found.addErrback(logged("buildbot_cd: the backstop could not look; it does so again"))

    def _look(self) -> Any:
        engine = engine_of(self.master)
        return defer.ensureDeferred(engine.advance_backstop()) if engine.ready else None
