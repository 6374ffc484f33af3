# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot try`` with the gate's own selection: ``schedulers.cd.Try``."""

from __future__ import annotations

from typing import Any, ClassVar

from buildbot.schedulers.trysched import Try_Userpass, Try_Userpass_Perspective
from twisted.internet import defer


class TryPerspective(Try_Userpass_Perspective):
    """One engineer's connection. The engineer is who logged in; ``--who`` is only what the client says."""

    @defer.inlineCallbacks
    def perspective_try(
        self,
        branch: Any,
        revision: Any,
        patch: Any,
        repository: Any,
        project: Any,
        builderNames: Any,
        who: Any = "",  # noqa: ARG002 - claimed, not proved
        comment: Any = "",
        properties: Any = None,
    ) -> Any:
        """A patch to try, as stock ``buildbot try`` sends it."""
        wanted = {**(properties or {}), "cd_engineer": self.username}
        result = yield super().perspective_try(
            branch, revision, patch, repository, project, builderNames, self.username, comment, wanted
        )
        return result


class Try(Try_Userpass):
    """Takes patches from ``buildbot try`` and runs the selection of tests on them.

    ``builderNames``, ``port`` and ``userpass`` are those of Buildbot's own ``Try_Userpass``; the port should be bound
    to an address that only engineers reach, such as ``tcp:9990:interface=127.0.0.1``.
    """

    compare_attrs: ClassVar[Any] = ()

    @defer.inlineCallbacks
    def activate(self) -> Any:
        """Buildbot's own; its 4.2 would let engineers in by its own perspective here, which believes ``--who``."""
        yield super(Try_Userpass, self).activate()
        if self.enabled:
            yield self._create_pb()

    @defer.inlineCallbacks
    def _create_pb(self) -> Any:
        """Buildbot's own, with our perspective."""

        def perspective(_mind: Any, username: str) -> TryPerspective:
            return TryPerspective(self, username)

        for user, password in self.userpass:
            registration = yield self.master.pbmanager.register(self.port, user, password, perspective)
            self.registrations.append(registration)
