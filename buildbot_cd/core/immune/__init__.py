# SPDX-License-Identifier: GPL-2.0-only
"""The immune system's rules: is the new release worse than the old one, and how sure is that?

Feed a `Judge` one `Interval` after the other and ask for its `Verdict`; `IntervalBuilder` makes intervals from counters
and gauges, `record` keeps and replays what a verdict was based on. docs/explanation/immune-system.md says why it works.
"""

from buildbot_cd.core.immune.assemble import IntervalBuilder, MetricInput
from buildbot_cd.core.immune.counters import CounterBook
from buildbot_cd.core.immune.interval import Interval, Level, Reading
from buildbot_cd.core.immune.judge import Judge, judge_without_control
from buildbot_cd.core.immune.record import opening, reopen, replay
from buildbot_cd.core.immune.values import Bad, MetricEvidence, MetricKind, MetricSpec, Verdict, VerdictKind

__all__ = [
    "Bad",
    "CounterBook",
    "Interval",
    "IntervalBuilder",
    "Judge",
    "Level",
    "MetricEvidence",
    "MetricInput",
    "MetricKind",
    "MetricSpec",
    "Reading",
    "Verdict",
    "VerdictKind",
    "judge_without_control",
    "opening",
    "reopen",
    "replay",
]
