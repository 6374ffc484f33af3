# SPDX-License-Identifier: GPL-2.0-only
"""``cd/incidents``."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.core.incident import Standing
from buildbot_cd.engine.incidents import order_incident
from buildbot_cd.engine.views import incident_view, incidents_view
from buildbot_cd.plugins.data.base import CdEndpoint, Controlled, lens_of
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts
from buildbot_cd.plugins.data.pages import page, wanted_from

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx

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

    def gate_of(self, tx: Tx, ident: Any) -> str | None:
        found = tx.incidents.get(ident)
        return None if found is None else found.gate


class IncidentsEndpoint(CdEndpoint):
    """All incidents, in pages."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/incidents"]
    rootLinkName = "cd/incidents"

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        engine = self.engine
        wanted = wanted_from(resultSpec, ("gate", "landing"), _STATES, _ENDED)
        lens = lens_of(engine)
        rows, total = await engine.store.read(lambda tx: incidents_view(tx, wanted, lens))
        return page(resultSpec, wanted, rows, total)


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
