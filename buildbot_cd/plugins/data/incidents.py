# SPDX-License-Identifier: GPL-2.0-only
"""``cd/incidents``."""
# ruff: noqa: D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.core.incident import Standing
from buildbot_cd.engine.control import order_incident
from buildbot_cd.engine.views import incident_view, incidents_view
from buildbot_cd.plugins.data.base import Controlled
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts
from buildbot_cd.plugins.data.pages import Paged

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.wanted import Wanted

_STATES = tuple(state.value for state in Standing)
_ENDED = (Standing.CLOSED.value,)


class IncidentEndpoint(Controlled):
    """One incident."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/incidents/n:id"]
    kind_of_object = "incident"
    order = staticmethod(order_incident)

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return incident_view(tx, kwargs["id"], lens)


class IncidentsEndpoint(Paged):
    """All incidents, in pages."""

    pathPatterns = ["/cd/incidents"]
    rootLinkName = "cd/incidents"
    equal = ("gate", "landing")
    states = _STATES
    ended = _ENDED

    def rows(self, tx: Tx, wanted: Wanted, lens: Lens) -> Any:
        return incidents_view(tx, wanted, lens)


class CdIncident(base.ResourceType):
    """The blameless record of what was taken back."""

    name = "cd_incident"
    plural = "incidents"
    endpoints = [IncidentEndpoint, IncidentsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        gate = types.String()
        landing = maybe(types.Integer())
        cause = types.String()
        subject = types.String()
        change = types.String()
        reason = types.String()
        bad = types.String()
        state = types.String()
        open = types.Boolean()
        overdue = types.Boolean()
        obstacle = types.String()
        opened_at = Number()
        due_at = Number()
        closed_at = maybe(Number())
        whys = texts()
        test = types.String()
        suggested = Json()
        proof = Json()
        timeline = Json()
        can = texts()
        version = types.Integer()

    entityType = entity(EntityType, name)
