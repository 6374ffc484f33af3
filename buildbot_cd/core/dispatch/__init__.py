# SPDX-License-Identifier: GPL-2.0-only
"""In which order tests run, who takes how many at once, and what no schedule can beat.

docs/explanation/dispatch.md tells the rules.
"""

from buildbot_cd.core.dispatch.bound import LowerBound, lower_bound
from buildbot_cd.core.dispatch.chunks import assign
from buildbot_cd.core.dispatch.estimates import Estimate, expected, updated
from buildbot_cd.core.dispatch.offer import Asker, Offer, Other, Pace, Ready, Waiting, restarted, warm
from buildbot_cd.core.dispatch.order import Queued, Work, order
from buildbot_cd.core.dispatch.ranks import ranks
from buildbot_cd.core.dispatch.retries import may_take
from buildbot_cd.core.dispatch.speeds import Speed, relative, watched, with_overhead

__all__ = [
    "Asker",
    "Estimate",
    "LowerBound",
    "Offer",
    "Other",
    "Pace",
    "Queued",
    "Ready",
    "Speed",
    "Waiting",
    "Work",
    "assign",
    "expected",
    "lower_bound",
    "may_take",
    "order",
    "ranks",
    "relative",
    "restarted",
    "updated",
    "warm",
    "watched",
    "with_overhead",
]
