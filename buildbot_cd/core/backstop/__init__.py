# SPDX-License-Identifier: GPL-2.0-only
"""What is done about failures that the gate missed: which tests to run again, whose they are, what would have told.

docs/how-to/backstop.md tells how people meet it.
"""

from buildbot_cd.core.backstop.bisect import Ask, Ended, Limits, Probe, Why, next_step, posterior
from buildbot_cd.core.backstop.proposal import Proposal, propose
from buildbot_cd.core.backstop.stale import Aged, stalest

__all__ = [
    "Aged",
    "Ask",
    "Ended",
    "Limits",
    "Probe",
    "Proposal",
    "Why",
    "next_step",
    "posterior",
    "propose",
    "stalest",
]
