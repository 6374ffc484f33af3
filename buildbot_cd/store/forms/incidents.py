# SPDX-License-Identifier: GPL-2.0-only
"""Incidents as both stores keep them."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.incident import Incident
from buildbot_cd.store.text import as_key, as_stored, clean

CHANGING = ("state", "whys", "test", "proof", "closed_at")
"""What an update writes."""


def stored_incident(incident: Incident) -> Incident:
    """The incident as it comes back from the database."""
    return replace(
        incident,
        key=as_key(incident.key, "incident"),
        gate=clean(incident.gate),
        subject=clean(incident.subject),
        bad=clean(incident.bad),
        whys=tuple(clean(one) for one in incident.whys),
        test=clean(incident.test),
        proof=as_stored(incident.proof),
    )
