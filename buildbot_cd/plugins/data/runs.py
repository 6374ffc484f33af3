# SPDX-License-Identifier: GPL-2.0-only
"""``cd/runs`` and the tests of each."""

from __future__ import annotations

from buildbot.data import base, types

from buildbot_cd.engine.views import landing_runs_view, run_view, tests_view
from buildbot_cd.plugins.data.base import OfId
from buildbot_cd.plugins.data.entities import entity
from buildbot_cd.plugins.data.fields import Json, Number, maybe, texts


class RunEndpoint(OfId):
    """One test run."""

    kind = base.EndpointKind.SINGLE
    pathPatterns = ["/cd/runs/n:id"]
    look = staticmethod(run_view)


class LandingRunsEndpoint(OfId):
    """A landing's test runs."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/landings/n:id/runs"]
    look = staticmethod(landing_runs_view)


class CdRun(base.ResourceType):
    """One run of tests on one revision."""

    name = "cd_run"
    plural = "runs"
    endpoints = [RunEndpoint, LandingRunsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        id = types.Integer()
        landing = maybe(types.Integer())
        gate = types.String()
        kind = types.String()
        revision = types.String()
        state = types.String()
        created_at = Number()
        planned_at = maybe(Number())
        ended_at = maybe(Number())
        error = types.String()
        counts = Json()
        workers = texts()
        makespan = maybe(Number())
        lower_bound = maybe(Number())
        binding = maybe(types.String())
        advice = types.String()
        selection = Json()
        missing_tags = Json()
        unknown_tags = Json()
        unknown_tests = Json()

    entityType = entity(EntityType, name)


class TestsEndpoint(OfId):
    """Each test of a run."""

    kind = base.EndpointKind.COLLECTION
    pathPatterns = ["/cd/runs/n:id/tests"]
    look = staticmethod(tests_view)


class CdTest(base.ResourceType):
    """One test of a run."""

    name = "cd_test"
    plural = "tests"
    endpoints = [TestsEndpoint]

    class EntityType(types.Entity):
        """Its fields."""

        run = types.Integer()
        nid = types.String()
        position = types.Integer()
        estimate = Number()
        rank = Number()
        requires = texts()
        group = maybe(types.String())
        avoid_worker = maybe(types.String())
        state = types.String()
        worker = maybe(types.String())
        claimed_at = maybe(Number())
        done_at = maybe(Number())
        seconds = maybe(Number())
        outcome = maybe(types.String())
        reasons = texts()
        text = types.String()

    entityType = entity(EntityType, name)
