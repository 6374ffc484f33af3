# SPDX-License-Identifier: GPL-2.0-only
"""What is written of a host when it was heard: each function gives its row after an event of the fan-out program."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.rollout.records import HostRecord, Observation, Phase, after_event, observe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store.rows import HostRow


def observed(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after a probe's answer."""
    seen = Observation(
        current=event.get("release"),
        staged=frozenset(event.get("releases") or ()),
        reachable=event.get("phase") == "status",
        error=str(event.get("error") or ""),
    )
    return _with(row, observe(_record(row), seen), now)


def reported(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after the fan-out program's event."""
    phase = Phase(str(event["phase"])) if event["phase"] in set(Phase) else Phase(row.phase)
    record = after_event(_record(row), phase, event.get("release"), str(event.get("error") or ""))
    return _with(row, record, now)


def staged(row: HostRow, event: Mapping[str, Any], now: float) -> HostRow:
    """The row after an event of staging: a host that answered told what it carries as well, as a probe does."""
    if "release" in event:
        seen = {"phase": "status", "release": event["release"], "releases": [], "error": event.get("error")}
        row = observed(row, seen, now)
    return reported(row, event, now)


def _record(row: HostRow) -> HostRecord:
    return HostRecord(row.desired, row.observed, row.previous, Phase(row.phase), row.error)


def _with(row: HostRow, record: HostRecord, now: float) -> HostRow:
    return replace(
        row,
        observed=record.observed,
        previous=record.previous,
        phase=str(record.phase),
        error=record.error[:1000],
        at=now,
    )
