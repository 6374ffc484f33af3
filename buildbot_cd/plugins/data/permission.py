# SPDX-License-Identifier: GPL-2.0-only
"""Our control calls are closed unless somebody opened them.

Buildbot's ``Authz`` allows what no rule speaks of, to everybody. Here a call needs either a rule that decides about it
(one with ``defaultDeny``, which Buildbot has applied before), or a master without any rule that only this machine can
reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.www.authz import Forbidden

from buildbot_cd.plugins.data.listening import reachable_from_outside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot.master import BuildMaster

ANONYMOUS = "anonymous"
"""What Buildbot calls a caller who is not signed in."""


async def require(master: BuildMaster, path: tuple[str, ...], action: str, params: Mapping[str, Any], by: str) -> None:
    """Raises Forbidden with the reason and the remedy, unless the call may be made."""
    authz: Any = master.www.authz
    rules = authz.allowRules if authz is not None else []
    where = f"{action} on {'/'.join(path)}"
    if not rules:
        outside = reachable_from_outside(master.config)
        if outside:
            _refuse(f"{where} is closed: this master has no authorisation, and {outside}. Set c['www']['authz']")
        return
    if by == ANONYMOUS:
        _refuse(f"{where} needs a signed-in user")
    for rule in rules:
        if rule.defaultDeny and await rule.match(path, action, dict(params)) is not None:
            return
    _refuse(f"{where} is closed: no rule of c['www']['authz'] decides about it. Add util.cd.ControlEndpointMatcher")


def said(error: Forbidden) -> str:
    """What Buildbot will tell the caller."""
    return (error.message or b"").decode("utf-8", "replace")


def _refuse(why: str) -> None:
    raise Forbidden(why.encode())
