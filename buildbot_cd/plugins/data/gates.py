# SPDX-License-Identifier: GPL-2.0-only
"""``cd/gates`` and ``cd/history``."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, exceptions, types

from buildbot_cd.engine.control import order_gate
from buildbot_cd.engine.views import gate_view, gates_view, history_view, pusher_view
from buildbot_cd.plugins.data.base import CdEndpoint, Controlled, lens_of
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, ids, maybe

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx

DAYS = 7
MOST_DAYS = 90
"""The window of a history, unless told and at most."""


class GateEndpoint(Controlled):
    """One gate."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate"]
    kind_of_object = "gate"
    key = "gate"
    order = staticmethod(order_gate)

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return gate_view(tx, kwargs["gate"], lens)

    def gate_of(self, tx: Tx, ident: Any) -> str | None:
        return None if tx.gates.get(ident) is None else str(ident)


class GatesEndpoint(CdEndpoint):
    """All gates."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/gates"]
    rootLinkName = "cd/gates"

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return gates_view(tx, lens)


class CdGate(base.ResourceType):
    """A trunk's gate."""

    name = "cd_gate"
    plural = "gates"
    endpoints = [GateEndpoint, GatesEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        name = types.String()
        mode = types.String()
        by = types.String()
        why = types.String()
        until = maybe(Number())
        min_priority = types.Integer()
        beneath = Json()
        trunk = maybe(types.String())
        tested = maybe(types.String())
        live = maybe(types.String())
        slots = Json()
        queue = ids()
        queued = types.Integer()
        open = types.Integer()
        reverting = ids()
        obstacle = types.String()
        safe = types.Boolean()
        stages = Json()
        budget = maybe(Number())
        version = types.Integer()
        now = Number()

    entityType = entity(EntityType, name)


class HistoryEndpoint(CdEndpoint):
    """What the gates did over some days."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/history"]

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        engine = self.engine
        days = resultSpec.popOneFilter("days", "eq")
        days = DAYS if days is None else days
        if not 1 <= days <= MOST_DAYS:
            raise exceptions.InvalidQueryParameter(f"days must lie between 1 and {MOST_DAYS}, not {days}")
        gates = resultSpec.popFilter("gate", "eq")
        lens = lens_of(engine)
        return await engine.store.read(lambda tx: history_view(tx, gates, days, lens))


class CdHistory(base.ResourceType):
    """A gate's figures."""

    name = "cd_history"
    plural = "history"
    endpoints = [HistoryEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        gate = types.String()
        days = types.Integer()
        since = Number()
        until = Number()
        lead_time = Json()
        wait = Json()
        test = Json()
        deploy = Json()
        restore = Json()
        revert = Json()
        deploys_per_day = Number()
        failure_rate = maybe(Number())
        counts = Json()
        per_day = Json()

    entityType = entity(EntityType, name)


class PusherEndpoint(CdEndpoint):
    """May this person push now? A git server's hook asks it."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate/pushers/s:who"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return pusher_view(tx, kwargs["gate"], kwargs["who"], lens)


class CdPusher(base.ResourceType):
    """What the gate says to one person's push."""

    name = "cd_pusher"
    plural = "pushers"
    endpoints = [PusherEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        who = types.String()
        engineer = types.String()
        may = types.Boolean()
        block = types.String()
        sentence = types.String()
        hurries = types.Boolean()
        blocked = types.Boolean()
        mode = types.String()
        by = types.String()
        why = types.String()
        until = maybe(Number())
        holder = Json()
        position = types.Integer()
        turn = Json()
        now = Number()

    entityType = entity(EntityType, name)
