# SPDX-License-Identifier: GPL-2.0-only
"""All resource types, and nothing else: Buildbot makes one of every resource type that it finds in this module."""

from buildbot_cd.plugins.data.escapes import CdEscape, CdProposal
from buildbot_cd.plugins.data.gates import CdGate, CdHistory, CdPusher
from buildbot_cd.plugins.data.incidents import CdIncident
from buildbot_cd.plugins.data.landings import CdEffect, CdLanding, CdTransition
from buildbot_cd.plugins.data.rollouts import CdFleet, CdRollout, CdVerdict
from buildbot_cd.plugins.data.runs import CdRun, CdTest
from buildbot_cd.plugins.data.samples import CdSample
from buildbot_cd.plugins.data.suite import CdCapacity, CdLearnt, CdSuite, CdTrust

__all__ = [
    "CdCapacity",
    "CdEffect",
    "CdEscape",
    "CdFleet",
    "CdGate",
    "CdHistory",
    "CdIncident",
    "CdLanding",
    "CdLearnt",
    "CdProposal",
    "CdPusher",
    "CdRollout",
    "CdRun",
    "CdSample",
    "CdSuite",
    "CdTest",
    "CdTransition",
    "CdTrust",
    "CdVerdict",
]
