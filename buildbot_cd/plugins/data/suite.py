# SPDX-License-Identifier: GPL-2.0-only
"""What many runs together tell of a gate's tests: ``cd/gates/<gate>/suite``, ``learnt``, ``capacity``, ``trust``."""
# ruff: noqa: D102 - `plugins.data.base` tells what each method means, and gives all of them the same arguments

from __future__ import annotations

from typing import Any

from buildbot.data import base, types

from buildbot_cd.engine.views import capacity_view, learnt_view, suite_view, trust_view
from buildbot_cd.plugins.data.base import OfGate
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe


class SuiteEndpoint(OfGate):
    """Each test of a gate."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/gates/s:gate/suite"]
    look = staticmethod(suite_view)

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        words = [str(one).casefold() for one in resultSpec.popFilter("nid", "contains") or ()]
        rows = await super().answer(resultSpec, kwargs)
        return rows if rows is None else [one for one in rows if all(word in one["nid"].casefold() for word in words)]


class CdSuite(base.ResourceType):
    """A test over many runs."""

    name = "cd_suite"
    plural = "suite"
    endpoints = [SuiteEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        nid = types.String()
        seconds = maybe(Number())
        selected = types.Integer()
        failed = types.Integer()
        ended_at = maybe(Number())
        passed_at = maybe(Number())
        flakes = types.Integer()
        flake_rate = Number()
        mapped_at = maybe(Number())
        quarantined_until = maybe(Number())

    entityType = entity(EntityType, name)


class LearntEndpoint(OfGate):
    """What was learnt of all tests of a gate together."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate/learnt"]
    look = staticmethod(learnt_view)


class CdLearnt(base.ResourceType):
    """The function map's age and the confidence curve."""

    name = "cd_learnt"
    plural = "learnt"
    endpoints = [LearntEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        gate = types.String()
        days = types.Integer()
        runs = types.Integer()
        tests = types.Integer()
        flaky = types.Integer()
        never = types.Integer()
        mapped = types.Integer()
        oldest = maybe(Number())
        median = maybe(Number())
        failures = types.Integer()
        curve = Json()
        now = Number()

    entityType = entity(EntityType, name)


class CapacityEndpoint(OfGate):
    """How many workers are enough."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate/capacity"]
    look = staticmethod(capacity_view)


class CdCapacity(base.ResourceType):
    """What the number of workers does to the length of a run."""

    name = "cd_capacity"
    plural = "capacity"
    endpoints = [CapacityEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        gate = types.String()
        budget = Number()
        runs = types.Integer()
        workers = maybe(types.Integer())
        today = types.Integer()
        most = types.Integer()
        overhead = Number()
        tried = Json()
        split = Json()
        now = Number()

    entityType = entity(EntityType, name)


class TrustEndpoint(OfGate):
    """How far the gate's verdicts can be trusted."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/gates/s:gate/trust"]
    look = staticmethod(trust_view)


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
