# SPDX-License-Identifier: GPL-2.0-only
"""Rules for Buildbot's ``util.Authz`` about our control calls: who may freeze, hold, withdraw, roll back.

Reading is not theirs: that is what Buildbot's ``AnyEndpointMatcher`` is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.www.authz.endpointmatchers import EndpointMatcherBase, Match
from twisted.internet import defer

from buildbot_cd.engine.lookup import engine_of
from buildbot_cd.engine.orders import ACTIONS
from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot.master import BuildMaster

    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.store.interface import Tx

_KINDS = {"gates": "gate", "landings": "landing", "rollouts": "rollout", "incidents": "incident"}
"""Second part of our addresses to the kind of object."""


class OwnedMatch(Match):
    """A match whose owner is a landing's engineer; `util.RolesFromOwner` compares it with the user's address."""

    def __init__(self, master: BuildMaster, engineer: str | None) -> None:
        super().__init__(master)
        self.engineer = engineer

    def getOwner(self) -> defer.Deferred[str | None]:
        """The engineer's address, None if the call is about no landing."""
        return defer.succeed(self.engineer)


class ControlEndpointMatcher(EndpointMatcherBase):
    """Any control call of ours. ``actions``: only these. ``gate``: only about gates with such a name (a pattern)."""

    kinds: tuple[str, ...] = ("gate", "landing", "rollout", "incident")

    def __init__(
        self, role: str, *, actions: Iterable[str] | None = None, gate: str | None = None, defaultDeny: bool = True
    ) -> None:
        super().__init__(role, defaultDeny)
        known = sorted({name for kind in self.kinds for name in ACTIONS[kind]})
        self.actions = frozenset(known if actions is None else actions)
        self.gate = gate
        strange = sorted(self.actions - set(known))
        if strange:
            msg = f"{type(self).__name__}: there is no action {strange[0]!r}; there are {', '.join(known)}"
            raise ConfigError(msg)

    def match(
        self,
        ep: Any,
        action: str = "get",
        options: dict[str, Any] | None = None,  # noqa: ARG002 - no rule looks at a call's parameters
    ) -> defer.Deferred[Match | None]:
        """Buildbot asks this for every call; None means: this rule does not speak of it."""
        return defer.ensureDeferred(self._match(tuple(str(part) for part in ep), action))

    async def _match(self, path: tuple[str, ...], action: str) -> Match | None:
        kind = _KINDS.get(path[1]) if len(path) == 3 and path[0] == "cd" else None
        if kind not in self.kinds or action not in self.actions or action not in ACTIONS[kind]:
            return None
        landing = await self._landing(kind, path[2])
        gate = path[2] if kind == "gate" else (landing.gate if landing else "")
        if self.gate is not None and not self.authz.match(gate, self.gate):
            return None
        return OwnedMatch(self.master, landing.engineer if landing and kind != "incident" else None)

    async def _landing(self, kind: str, ident: str) -> Landing | None:
        """The landing that a call is about, None if there is none."""
        if kind == "gate" or not ident.isdecimal():
            return None

        def find(tx: Tx) -> Landing | None:
            if kind == "landing":
                return tx.landings.get(int(ident))
            known = tx.incidents.get(int(ident)) if kind == "incident" else tx.rollouts.get(int(ident))
            return tx.landings.get(known.landing) if known and known.landing is not None else None

        return await engine_of(self.master).store.read(find)


class GateEndpointMatcher(ControlEndpointMatcher):
    """``freeze``, ``drain``, ``halt``, ``resume`` and ``adopt``; ``quarantine`` and ``end_quarantine`` of a test."""

    kinds = ("gate",)


class LandingEndpointMatcher(ControlEndpointMatcher):
    """``hold``, ``release``, ``withdraw``, ``roll_back``, ``emergency``, ``call_wrong``; its owner is the engineer."""

    kinds = ("landing",)


class RolloutEndpointMatcher(ControlEndpointMatcher):
    """``promote`` and ``roll_back`` of a rollout; its owner is the engineer of the rollout's landing."""

    kinds = ("rollout",)


class IncidentEndpointMatcher(ControlEndpointMatcher):
    """``answer``, ``name_test``, ``prove`` of an incident. It has no owner: whoever knows something adds it."""

    kinds = ("incident",)
