# SPDX-License-Identifier: GPL-2.0-only
"""Incidents: what a landing that was taken back teaches, and when that is learnt. No person is in a record."""

from buildbot_cd.core.incident.rules import (
    answered,
    begun,
    cause_of,
    nameable,
    named,
    obstacle,
    overdue,
    proved,
    subject_of,
)
from buildbot_cd.core.incident.timeline import Line, timeline, without_people
from buildbot_cd.core.incident.values import DUE, WHYS, Cause, Incident, Side, Standing

__all__ = [
    "DUE",
    "WHYS",
    "Cause",
    "Incident",
    "Line",
    "Side",
    "Standing",
    "answered",
    "begun",
    "cause_of",
    "nameable",
    "named",
    "obstacle",
    "overdue",
    "proved",
    "subject_of",
    "timeline",
    "without_people",
]
