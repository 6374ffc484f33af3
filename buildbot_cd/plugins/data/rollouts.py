# SPDX-License-Identifier: GPL-2.0-only
"""``cd/rollouts`` and what hangs below each."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.engine.control import order_rollout
from buildbot_cd.engine.rollouts import ENDED
from buildbot_cd.engine.views import (
    fleet_view,
    landing_rollouts_view,
    rollout_view,
    rollouts_view,
    verdicts_view,
)
from buildbot_cd.plugins.data.base import CdEndpoint, Controlled
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts
from buildbot_cd.plugins.data.pages import page, wanted_from
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx

_STATES = tuple(state.value for state in RolloutState)
_ENDED = tuple(state.value for state in RolloutState if state in ENDED)


class RolloutEndpoint(Controlled):
    """One rollout."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/rollouts/n:id"]
    kind_of_object = "rollout"
    order = staticmethod(order_rollout)

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return rollout_view(tx, kwargs["id"])

    def gate_of(self, tx: Tx, ident: Any) -> str | None:
        found = tx.rollouts.get(ident)
        return None if found is None else found.gate


class RolloutsEndpoint(CdEndpoint):
    """All rollouts, in pages."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/rollouts"]
    rootLinkName = "cd/rollouts"

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        engine = self.engine
        wanted = wanted_from(resultSpec, ("gate", "landing"), _STATES, _ENDED)
        rows, total = await engine.store.read(lambda tx: rollouts_view(tx, wanted))
        return page(resultSpec, wanted, rows, total)


class LandingRolloutsEndpoint(CdEndpoint):
    """A landing's rollouts."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/landings/n:id/rollouts"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return landing_rollouts_view(tx, kwargs["id"])


class CdRollout(base.ResourceType):
    """A release on its way over the hosts."""

    name = "cd_rollout"
    plural = "rollouts"
    endpoints = [RolloutEndpoint, RolloutsEndpoint, LandingRolloutsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        landing = maybe(types.Integer())
        gate = types.String()
        release = types.String()
        candidate = types.String()
        fence = types.Integer()
        seed = types.Integer()
        state = types.String()
        open = types.Boolean()
        stage = types.String()
        reason = types.String()
        started_at = Number()
        ended_at = maybe(Number())
        stages = Json()
        size = types.Integer()
        marks = Json()
        verdict = Json()
        can = texts()
        promoted = types.String()
        version = types.Integer()

    entityType = entity(EntityType, name)


class HostsEndpoint(CdEndpoint):
    """All hosts of a rollout in one object."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/rollouts/n:id/hosts"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return fleet_view(tx, kwargs["id"])


class CdFleet(base.ResourceType):
    """The hosts of a rollout, packed."""

    name = "cd_fleet"
    plural = "fleet"
    endpoints = [HostsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        rollout = types.Integer()
        release = types.String()
        version = types.Integer()
        columns = texts()
        roles = texts()
        stages = texts()
        releases = texts()
        phases = texts()
        marks = texts()
        hosts = Json()
        addresses = Json()
        errors = Json()

    entityType = entity(EntityType, name)


class VerdictsEndpoint(CdEndpoint):
    """What the immune system decided."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/rollouts/n:id/verdicts"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return verdicts_view(tx, kwargs["id"])


class CdVerdict(base.ResourceType):
    """One decision of the immune system."""

    name = "cd_verdict"
    plural = "verdicts"
    endpoints = [VerdictsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        rollout = types.Integer()
        stage = types.String()
        at = Number()
        kind = types.String()
        reason = types.String()
        culprits = texts()
        log_e = maybe(Number())
        needed = maybe(Number())
        metrics = Json()

    entityType = entity(EntityType, name)
