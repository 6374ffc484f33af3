# SPDX-License-Identifier: GPL-2.0-only
"""Puts our resources into a master's data API. The only place that touches what Buildbot keeps for itself.

Buildbot 4.2 and 4.3 have a fixed list of data modules and no way to add one, and tell nobody of a call that its rules
refused. So two things are done here, each once a master: `DataConnector._scanModule` is called as Buildbot's own start
calls it, and `WWWService.assertUserAllowed` is wrapped to write refusals of our control calls into the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.util.service import BuildbotService
from buildbot.www.authz import Forbidden
from twisted.internet import defer
from twisted.python import log

from buildbot_cd.plugins.data import resources
from buildbot_cd.plugins.data.may import May
from buildbot_cd.plugins.data.permission import ANONYMOUS, said

if TYPE_CHECKING:
    from buildbot.master import BuildMaster

NAME = "cd-data-api"

PAGES = "cd"
"""The web plugin's name among Buildbot's."""


class DataApi(BuildbotService):
    """A service of the master, so that its data API has our resources for as long as the master lives."""

    name: str | None = NAME

    def reconfigService(self) -> defer.Deferred[None]:  # type: ignore[override]
        """Buildbot's start and change of the configuration."""
        register(self.master)
        return defer.succeed(None)


def register(master: BuildMaster) -> None:
    """Add our resources and the log of refusals; harmless when done before."""
    data: Any = master.data
    if data.getResourceType(resources.CdGate.name) is None:
        data._scanModule(resources)  # noqa: SLF001 - see the module
    www: Any = master.www
    apps = getattr(www, "apps", None)
    if apps is not None and PAGES in apps:
        apps.get(PAGES).resource.putChild(b"may", May(master))
    if not hasattr(www.assertUserAllowed, "cd_logs_refusals"):
        www.assertUserAllowed = _logging(www)


def _logging(www: Any) -> Any:
    """``www.assertUserAllowed`` that writes it into the log when a control call of ours is refused by a rule."""
    asks = www.assertUserAllowed

    async def ask(request: Any, path: tuple[str, ...], action: str, options: dict[str, Any]) -> None:
        try:
            await asks(request, path, action, options)
        except Forbidden as error:
            if path[:1] == ("cd",) and action not in ("GET", "HEAD"):
                who = www.getUserInfos(request)
                name = who.get("email") or who.get("username") or ANONYMOUS
                what = f"{action[:50]!r} on {'/'.join(path)[:200]!r} by {str(name)!r}"
                log.msg(f"buildbot_cd: refused: {what}: {said(error)}")
            raise

    def assertUserAllowed(
        request: Any, path: tuple[str, ...], action: str, options: dict[str, Any]
    ) -> defer.Deferred[None]:
        return defer.ensureDeferred(ask(request, path, action, options))

    assertUserAllowed.cd_logs_refusals = True  # type: ignore[attr-defined]
    return assertUserAllowed
