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
            mine: Any = self  # Buildbot's own annotations have it unbegun for ever
            if mine.buildid is None or mine.finished:
                raise
            gone = workerforbuilder.worker is None
            log.err(None, f"buildbot_cd: {self} could not begin; {'its worker has gone' if gone else 'it ends'}")
            results, preparing = RETRY if gone else EXCEPTION, mine._preparation_step  # noqa: SLF001 - it has no other name
            if preparing is not None and preparing.stepid is not None:
                yield mine.master.data.updates.finishStep(preparing.stepid, results, False)
            yield self.buildFinished(["worker", "lost"] if gone else ["not", "begun"], results)
