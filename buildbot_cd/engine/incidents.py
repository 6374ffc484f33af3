# SPDX-License-Identifier: GPL-2.0-only
"""Incidents in the gate's transactions: opened by what a move did, added to by people, closed by what runs show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.incident import (
    DUE,
    Cause,
    Incident,
    Side,
    cause_of,
    nameable,
    proved,
    subject_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Intent, Landing
    from buildbot_cd.store.interface import Tx


def opened(tx: Tx, move: Move, landings: Iterable[Landing], now: float) -> tuple[Incident, ...]:
    """Open what the move gives reason to; a landing that is rolled back and then reverted has one incident.

    A gate that only watches (shadow) takes nothing back, so nothing is opened.
    """
    shadows = {owner for owner, effect in move.effects if effect.payload.get("shadow")}
    found = []
    for landing in landings:
        cause = cause_of(landing.state.value, landing.revert_kind)
        if cause is None or landing.id in shadows:
            continue
        key = f"{landing.gate}/{landing.id}"
        incident, fresh = tx.incidents.open(new_incident(key, landing, cause, now))
        found += [incident] if fresh else []
    return tuple(found)


def escaped(tx: Tx, gate: str, escape: int, test: str, culprit: int, now: float) -> Incident | None:
    """Open the incident of a failure that got past the gate, once its landing is known; None if it was open before.

    The test that found it later is the first to be thought of as the one that catches it.
    """
    landing = tx.landings.get(culprit)
    if landing is None:
        return None
    blamed = replace(landing, failing=(test,))
    incident, fresh = tx.incidents.open(new_incident(f"{gate}/escape/{escape}", blamed, Cause.ESCAPE, now))
    return incident if fresh else None


def new_incident(key: str, landing: Landing, cause: Cause, now: float) -> Incident:
    """The record as it opens; a test that failed is the first to be thought of as the one that catches it."""
    tests = nameable(landing.failing)
    return Incident(
        id=0,
        key=key,
        gate=landing.gate,
        landing=landing.id,
        cause=cause,
        subject=subject_of(landing.failing, landing.subject),
        bad=landing.candidate or landing.head,
        opened_at=now,
        due_at=now + DUE,
        test=tests[0] if tests else "",
    )


def settle(tx: Tx, intent: Intent, result: Mapping[str, Any], now: float) -> Incident | None:
    """The runs of a proof have ended: what they say goes into the record."""
    incident = tx.incidents.get(int(intent.payload["incident"]))
    if incident is None:
        return None
    sides = [
        Side(str(intent.payload[name]), str(told.get("outcome") or "unknown"), told.get("run"))
        for name, told in ((name, result.get(name) or {}) for name in ("bad", "trunk"))
    ]
    return tx.incidents.update(proved(incident, sides[0], sides[1], now, str(result.get("trouble") or "")))
