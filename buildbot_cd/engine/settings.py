# SPDX-License-Identifier: GPL-2.0-only
"""From cd.yaml to what the rules and the checks want to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.engine.checks import CheckPlan

if TYPE_CHECKING:
    from buildbot_cd.config.master import MasterConfig


def policy_of(config: MasterConfig) -> Policy:
    """The gate's rules' settings; without a gate the defaults, which then decide nothing."""
    if config.gate is None:
        return Policy()
    return Policy(
        reverts_per_hour=config.gate.reverts.per_hour,
        reverts_per_day=config.gate.reverts.per_day,
        checks=bool(config.checks),
        deploys=bool(config.rollout),
        shadow=config.gate.shadow,
    )


def plan_of(config: MasterConfig) -> CheckPlan:
    """What a landing must pass."""
    suite = config.suite
    pool = suite.tests.workers if suite is not None and suite.tests is not None else ()
    named = tuple(check.builder for check in config.checks if check.builder is not None)
    return CheckPlan(tuple(pool), named, config.trunk.branch)
