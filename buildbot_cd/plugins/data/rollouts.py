# SPDX-License-Identifier: GPL-2.0-only
"""``cd/rollouts`` and what hangs below each."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.engine.control import order_rollout
from buildbot_cd.engine.views import (
    fleet_view,
    landing_rollouts_view,
    rollout_view,
    rollouts_view,
    verdicts_view,
)
from buildbot_cd.plugins.data.base import Controlled, OfId, Written
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts
from buildbot_cd.plugins.data.pages import Paged
from buildbot_cd.store.rows import ROLLOUT_ENDED, RolloutState

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.wanted import Wanted

_STATES = tuple(state.value for state in RolloutState)
_ENDED = tuple(state.value for state in RolloutState if state in ROLLOUT_ENDED)


class RolloutEndpoint(Controlled):
    """One rollout."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/rollouts/n:id"]
    kind_of_object = "rollout"
    order = staticmethod(order_rollout)

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return rollout_view(tx, kwargs["id"])


class RolloutsEndpoint(Paged):
    """All rollouts, in pages."""

    pathPatterns = ["/cd/rollouts"]
    rootLinkName = "cd/rollouts"
    equal = ("gate", "landing")
    states = _STATES
    ended = _ENDED

    def rows(self, tx: Tx, wanted: Wanted, lens: Lens) -> Any:
        return rollouts_view(tx, wanted)


class LandingRolloutsEndpoint(OfId):
    """A landing's rollouts."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/landings/n:id/rollouts"]
    look = staticmethod(landing_rollouts_view)


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


class HostsEndpoint(Written, OfId):
    """All hosts of a rollout in one object."""

    pathPatterns = ["/cd/rollouts/n:id/hosts"]
    look = staticmethod(fleet_view)


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


class VerdictsEndpoint(OfId):
    """What the immune system decided."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/rollouts/n:id/verdicts"]
    look = staticmethod(verdicts_view)


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
