# SPDX-License-Identifier: GPL-2.0-only
"""``cd/escapes``: failures that the gate missed; ``cd/gates/<gate>/proposals``: the rules that they propose."""
# ruff: noqa: ARG002, D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.engine.views.escapes import escape_view, escapes_view, proposals_view
from buildbot_cd.plugins.data.base import CdEndpoint, OfGate, OfId
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, ids, maybe, texts

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx


class EscapeEndpoint(OfId):
    """One escape."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/escapes/n:id"]
    look = staticmethod(escape_view)


class EscapesEndpoint(CdEndpoint):
    """The newest escapes."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/escapes"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return escapes_view(tx, self.engine.gate)


class CdEscape(base.ResourceType):
    """A test that failed on trunk though the gate had let everything through."""

    name = "cd_escape"
    plural = "escapes"
    endpoints = [EscapeEndpoint, EscapesEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        gate = types.String()
        test = types.String()
        run = types.Integer()
        found_at = Number()
        base = types.String()
        suspects = ids()
        state = types.String()
        open = types.Boolean()
        probes = Json()
        culprit = maybe(types.Integer())
        probability = maybe(Number())
        missing_tag = types.String()
        rule = types.String()
        patch = types.String()
        tags = texts()
        declared = texts()
        files = texts()
        reason = types.String()
        ended_at = maybe(Number())
        version = types.Integer()

    entityType = entity(EntityType, name)


class ProposalsEndpoint(OfGate):
    """The rules that a gate's escapes propose."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/gates/s:gate/proposals"]
    look = staticmethod(proposals_view)


class CdProposal(base.ResourceType):
    """A rule that would have run tests which the gate missed."""

    name = "cd_proposal"
    plural = "proposals"
    endpoints = [ProposalsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        rule = types.String()
        patch = types.String()
        missing_tag = types.String()
        escapes = ids()
        tests = texts()
        landings = ids()
        found_at = Number()

    entityType = entity(EntityType, name)
