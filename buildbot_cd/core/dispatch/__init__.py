# SPDX-License-Identifier: GPL-2.0-only
"""In which order tests run, how many a worker takes at once, and what no schedule can beat.

docs/explanation/dispatch.md tells the rules.
"""

from buildbot_cd.core.dispatch.bound import LowerBound, lower_bound
from buildbot_cd.core.dispatch.chunks import Ready, chunk, chunk_seconds
from buildbot_cd.core.dispatch.estimates import Estimate, expected, updated
from buildbot_cd.core.dispatch.order import Queued, Work, order
from buildbot_cd.core.dispatch.ranks import ranks
from buildbot_cd.core.dispatch.retries import may_take

__all__ = [
    "Estimate",
    "LowerBound",
    "Queued",
    "Ready",
    "Work",
    "chunk",
    "chunk_seconds",
    "expected",
    "lower_bound",
    "may_take",
    "order",
    "ranks",
    "updated",
]
