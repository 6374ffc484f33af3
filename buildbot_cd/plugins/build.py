# SPDX-License-Identifier: GPL-2.0-only
"""The builds of our builders: they end in every case, also when their worker leaves while they are begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process import build
from buildbot.process.results import EXCEPTION, RETRY
from twisted.internet import defer
from twisted.python import log

if TYPE_CHECKING:
    from collections.abc import Generator


class Build(build.Build):
    """A stock build, except for one thing.

    Buildbot 4.3 asks a worker that went away before the first step for its name, fails at that, and leaves the build
    as it is: it never ends, its request is never given to another worker, and whoever waits for it waits for ever.
    """

    @defer.inlineCallbacks
    def startBuild(self, workerforbuilder: Any) -> Generator[Any, Any, None]:
        """Begin, and end at once where that is not possible: to be tried again if the worker has gone."""
        try:
            yield super().startBuild(workerforbuilder)
        except Exception:
            build: Any = self  # Buildbot's own annotations have it unbegun for ever
            if build.buildid is None or build.finished:
                raise
            gone = workerforbuilder.worker is None
            log.err(None, f"buildbot_cd: {self} could not begin; {'its worker has gone' if gone else 'it ends'}")
            if build._preparation_step is not None and build._preparation_step.stepid is not None:
                step = build._preparation_step.stepid
                yield self.master.data.updates.finishStep(step, RETRY if gone else EXCEPTION, False)
            yield self.buildFinished(["worker", "lost"] if gone else ["not", "begun"], RETRY if gone else EXCEPTION)
