# SPDX-License-Identifier: GPL-2.0-only
"""``cd/gates/<gate>/trust``."""
# ruff: noqa: D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

from buildbot_cd.engine.views import trust_view
from buildbot_cd.plugins.data.base import CdEndpoint
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe

if TYPE_CHECKING:
    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx


class TrustEndpoint(CdEndpoint):
    """How far the gate's verdicts can be trusted."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate/trust"]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        return trust_view(tx, kwargs["gate"], lens)


class CdTrust(base.ResourceType):
    """Wrong reverts, flakes and quarantines."""

    name = "cd_trust"
    plural = "trust"
    endpoints = [TrustEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        gate = types.String()
        days = types.Integer()
        reverts = types.Integer()
        wrong_reverts = types.Integer()
        false_revert_rate = maybe(Number())
        flaky = types.Integer()
        flakes = Json()
        quarantines = Json()
        now = Number()

    entityType = entity(EntityType, name)
