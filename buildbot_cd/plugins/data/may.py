# SPDX-License-Identifier: GPL-2.0-only
"""``/plugins/cd/may``: which of our controls the caller may use, and why not the others.

Buildbot's data API does not tell an endpoint who reads, so this is a page of its own. It asks exactly what a control
call is asked: the master's rules, then `permission.require`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.www.authz import Forbidden
from twisted.internet import defer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from buildbot_cd.engine.logs import logged
from buildbot_cd.engine.orders import ACTIONS
from buildbot_cd.plugins.data.permission import ANONYMOUS, require, said

if TYPE_CHECKING:
    from buildbot.master import BuildMaster

MOST = 50
"""Objects that may be asked about at a time."""

_KINDS = {f"{kind}s": kind for kind in ACTIONS}


class May(Resource):
    """``GET may?of=cd/gates/trunk&of=cd/landings/57``: {"user", "may": {address: {action: why not, or ""}}}."""

    isLeaf = True

    def __init__(self, master: BuildMaster) -> None:
        super().__init__()
        self.master = master

    def render_GET(self, request: Any) -> Any:
        """Answers later."""
        request.setHeader(b"content-type", b"application/json; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        work = defer.ensureDeferred(self._answer(request))
        work.addErrback(logged("buildbot_cd: permissions could not be told"))
        return NOT_DONE_YET

    async def _answer(self, request: Any) -> None:
        asked = [one.decode("utf-8", "replace") for one in request.args.get(b"of", ())]
        www: Any = self.master.www
        told = await permissions(self.master, www.getUserInfos(request), asked[:MOST])
        request.write(json.dumps(told).encode())
        request.finish()


async def permissions(master: BuildMaster, user: dict[str, Any], addresses: list[str]) -> dict[str, Any]:
    """What this user may do with these objects; addresses that are none of ours are left out."""
    by = user.get("email") or user.get("username") or ANONYMOUS
    may: dict[str, dict[str, str]] = {}
    for address in addresses:
        path = tuple(address.split("/"))
        kind = _KINDS.get(path[1]) if len(path) == 3 and path[0] == "cd" else None
        if kind is not None:
            may[address] = {action: await _why_not(master, path, action, user, str(by)) for action in ACTIONS[kind]}
    return {"user": by, "may": may}


async def _why_not(master: BuildMaster, path: tuple[str, ...], action: str, user: dict[str, Any], by: str) -> str:
    authz: Any = master.www.authz
    try:
        await authz.assertUserAllowed(path, action, {}, user)
        await require(master, path, action, {}, by)
    except Forbidden as error:
        return said(error)
    return ""
