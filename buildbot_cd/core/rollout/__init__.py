# SPDX-License-Identifier: GPL-2.0-only
"""The rules of a rollout: which hosts, in which stages, what next, and when to stop.

Pure: no clock, no I/O. Hosts are identified by their name everywhere; a release by its id (``r-12``).
"""

from buildbot_cd.core.rollout.decide import (
    Action,
    ActionKind,
    Outcome,
    is_converged,
    next_actions,
    rollback_records,
    rollback_targets,
    stage_outcome,
    without_previous,
)
from buildbot_cd.core.rollout.hosts import Host
from buildbot_cd.core.rollout.inventory import parse_inventory
from buildbot_cd.core.rollout.records import (
    BAD_PHASES,
    HostRecord,
    Observation,
    Phase,
    after_event,
    failures,
    observe,
)
from buildbot_cd.core.rollout.stages import Stage, StagePlan, plan, stage_size

__all__ = [
    "BAD_PHASES",
    "Action",
    "ActionKind",
    "Host",
    "HostRecord",
    "Observation",
    "Outcome",
    "Phase",
    "Stage",
    "StagePlan",
    "after_event",
    "failures",
    "is_converged",
    "next_actions",
    "observe",
    "parse_inventory",
    "plan",
    "rollback_records",
    "rollback_targets",
    "stage_outcome",
    "stage_size",
    "without_previous",
]
