# SPDX-License-Identifier: GPL-2.0-only
"""From cd.yaml to what the rules and the checks want to know."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from buildbot_cd.config.trunk import DAYS
from buildbot_cd.core.backstop import Limits
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.people import People
from buildbot_cd.core.landing.windows import Window
from buildbot_cd.engine.backstop import Plan
from buildbot_cd.engine.check_parts import CheckPlan, StressPlan
from buildbot_cd.engine.escapes import Search

if TYPE_CHECKING:
    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.config.trunk import ClosedWindow, Gate


def policy_of(config: MasterConfig) -> Policy:
    """The gate's rules' settings; without a gate the defaults, which then decide nothing."""
    if config.gate is None:
        return Policy()
    gate = config.gate
    return Policy(
        reverts_per_hour=gate.reverts.per_hour,
        reverts_per_day=gate.reverts.per_day,
        reverts_per_engineer=gate.reverts.per_engineer,
        widespread=gate.widespread,
        checks=bool(config.checks),
        deploys=bool(config.rollout) and not gate.shadow,
        early=config.release is not None and config.release.early,
        shadow=gate.shadow,
        preempt=gate.emergency.preempt,
        settle=config.immune.settle if config.immune is not None else 0.0,
        followers=gate.reverts.followers,
        together=gate.together,
        blocked=gate.mode == "blocked",
        windows=tuple(_window(one) for one in gate.windows),
        people=people_of(gate),
    )


def people_of(gate: Gate) -> People:
    """Who is who, and who may hurry: an engineer that is named by any of their addresses may."""
    names = {address: one.name for one in gate.engineers for address in one.addresses}
    called = {one.name.lower(): one.name for one in gate.engineers}
    hurry = frozenset(called.get(one) or names.get(one, one) for one in gate.emergency.people)
    return People(names, frozenset(gate.bots), hurry)


def _window(one: ClosedWindow) -> Window:
    days = frozenset(DAYS.index(day) for day in one.days)
    return Window(days, _minutes(one.start), _minutes(one.end), ZoneInfo(one.zone), one.reason)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def backstop_of(config: MasterConfig) -> Plan | None:
    """What idle workers do; None if nothing was asked for."""
    if config.backstop is None or config.suite is None or config.suite.tests is None:
        return None
    one = config.backstop
    limits = Limits(sure=one.sure, most=one.probes, flake=one.flake)
    return Plan(one.full, one.rolling, Search(limits, tuple(config.suite.tests.workers), config.trunk.branch))


def plan_of(config: MasterConfig) -> CheckPlan:
    """What a landing must pass."""
    suite = config.suite
    pool = suite.tests.workers if suite is not None and suite.tests is not None else ()
    named = tuple(check.builder for check in config.checks if check.builder is not None)
    new = config.gate.new_tests if config.gate is not None else None
    stress = StressPlan(new.rounds, new.most, new.quarantine) if new is not None else StressPlan()
    return CheckPlan(tuple(pool), named, config.trunk.branch, stress)
