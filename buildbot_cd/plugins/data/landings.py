# SPDX-License-Identifier: GPL-2.0-only
"""``cd/landings`` and what hangs below each."""
# ruff: noqa: D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.core.landing.values import TERMINAL, State
from buildbot_cd.engine.control import order_landing
from buildbot_cd.engine.views import effects_view, landing_view, landings_view, transitions_view
from buildbot_cd.plugins.data.base import Controlled, OfId
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts
from buildbot_cd.plugins.data.pages import Paged

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.wanted import Wanted

_STATES = tuple(state.value for state in State)
_ENDED = tuple(state.value for state in State if state in TERMINAL)


class LandingEndpoint(Controlled):
    """One landing."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/landings/n:id"]
    kind_of_object = "landing"
    order = staticmethod(order_landing)

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return landing_view(tx, kwargs["id"], lens)


class LandingsEndpoint(Paged):
    """All landings, in pages."""

    pathPatterns = ["/cd/landings"]
    rootLinkName = "cd/landings"
    equal = ("gate", "engineer", "head")
    states = _STATES
    ended = _ENDED

    def rows(self, tx: Tx, wanted: Wanted, lens: Lens) -> Any:
        return landings_view(tx, wanted, lens)


class CdLanding(base.ResourceType):
    """A push on its way."""

    name = "cd_landing"
    plural = "landings"
    endpoints = [LandingEndpoint, LandingsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        gate = types.String()
        base = types.String()
        head = types.String()
        engineer = types.String()
        subject = types.String()
        message = types.String()
        state = types.String()
        open = types.Boolean()
        since = Number()
        queued_at = Number()
        priority = types.Integer()
        attempt = types.Integer()
        infra_attempts = types.Integer()
        not_before = maybe(Number())
        held = types.Boolean()
        candidate = maybe(types.String())
        failing = texts()
        cause = maybe(types.Integer())
        revert_kind = types.String()
        revert = maybe(types.String())
        reason = types.String()
        emergency = types.String()
        waiting = Json()
        can = texts()
        version = types.Integer()

    entityType = entity(EntityType, name)


class TransitionsEndpoint(OfId):
    """A landing's history."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/landings/n:id/transitions"]
    look = staticmethod(transitions_view)


class CdTransition(base.ResourceType):
    """A line of a landing's history."""

    name = "cd_transition"
    plural = "transitions"
    endpoints = [TransitionsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        landing = types.Integer()
        seq = types.Integer()
        before = maybe(types.String())
        after = types.String()
        at = Number()
        actor = types.String()
        reason = types.String()
        seconds = maybe(Number())

    entityType = entity(EntityType, name)


class EffectsEndpoint(OfId):
    """What was done for a landing."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/landings/n:id/effects"]
    look = staticmethod(effects_view)


class CdEffect(base.ResourceType):
    """One thing that the engine does for a landing."""

    name = "cd_effect"
    plural = "effects"
    endpoints = [EffectsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        key = types.String()
        landing = types.Integer()
        kind = types.String()
        state = types.String()
        builder = maybe(types.String())
        buildsetid = maybe(types.Integer())
        created_at = Number()
        started_at = maybe(Number())
        result = Json()

    entityType = entity(EntityType, name)
