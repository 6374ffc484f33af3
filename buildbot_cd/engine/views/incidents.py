# SPDX-License-Identifier: GPL-2.0-only
"""Incidents as JSON, each with the timeline of what was recorded while it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.incident import Line, Standing, nameable, obstacle, overdue, timeline, without_people
from buildbot_cd.core.landing.values import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.wanted import Wanted

GATE = "gate"
"""The actor of what no person did."""


def incident_row(incident: Incident) -> dict[str, Any]:
    """The incident's own fields, as lists and events show them."""
    return {
        **{name: getattr(incident, name) for name in _PLAIN},
        "cause": incident.cause.value,
        "state": incident.state.value,
        "open": incident.state is not Standing.CLOSED,
        "whys": list(incident.whys),
        "proof": dict(incident.proof) or None,
        "obstacle": obstacle(incident),
    }


_PLAIN = ("id", "gate", "landing", "subject", "bad", "opened_at", "due_at", "test", "closed_at", "version")


def incidents_view(tx: Tx, wanted: Wanted, lens: Lens) -> tuple[list[dict[str, Any]], int]:
    """A page of incidents, without their timelines, and how many match in all."""
    found, total = tx.incidents.find(wanted)
    return [_brief(tx, one, lens) for one in found], total


def incident_view(tx: Tx, ident: int, lens: Lens) -> dict[str, Any] | None:
    """One incident, None if there is none of this id."""
    incident = tx.incidents.get(ident)
    if incident is None:
        return None
    landing = _landing(tx, incident)
    people = [landing.engineer, *_actors(tx, landing)] if landing is not None else []
    lines = timeline([*(_of_landing(tx, landing) if landing else ()), *_own(incident)], people)
    told = [{"at": one.at, "kind": one.kind, "what": one.what, "text": one.text} for one in lines]
    tests = list(nameable(landing.failing)) if landing is not None else []
    return {**_brief(tx, incident, lens), "timeline": told, "suggested": tests}


def _brief(tx: Tx, incident: Incident, lens: Lens) -> dict[str, Any]:
    landing = _landing(tx, incident)
    return {
        **incident_row(incident),
        "overdue": overdue(incident, lens.now),
        "change": landing.subject if landing is not None else "",
        "reason": without_people(landing.reason, [landing.engineer, *_actors(tx, landing)]) if landing else "",
        "can": _can(incident, landing),
        "timeline": None,
        "suggested": None,
    }


def _can(incident: Incident, landing: Landing | None) -> list[str]:
    if incident.state is not Standing.OPEN:
        return ["answer"]
    gone = landing is None or landing.state in (State.REVERTED, State.LIVE)
    return ["answer", "name_test", *(["prove"] if incident.test and gone else [])]


def _landing(tx: Tx, incident: Incident) -> Landing | None:
    return None if incident.landing is None else tx.landings.get(incident.landing)


def _actors(tx: Tx, landing: Landing) -> list[str]:
    """The people who ordered something about it."""
    return [one.actor for one in tx.landings.transitions(landing.id) if one.actor != GATE]


def _own(incident: Incident) -> Iterator[Line]:
    yield Line(incident.opened_at, "incident", "incident opened", incident.subject)
    if incident.proof:
        yield Line(float(incident.proof["at"]), "incident", "proof", str(incident.proof["says"]))
    if incident.closed_at is not None:
        yield Line(incident.closed_at, "incident", "incident closed", incident.test)


def _of_landing(tx: Tx, landing: Landing) -> Iterator[Line]:
    for one in tx.landings.transitions(landing.id):
        yield Line(one.at, "transition", one.after.value.replace("_", " "), one.reason)
    for run in tx.runs.for_landing(landing.id):
        counts = tx.runs.counts(run.id)
        if run.ended_at is not None and run.kind != "proof":
            text = run.error or f"{counts.done} tests done, {counts.failed} failed"
            yield Line(run.ended_at, "run", f"{run.kind} run ended", text)
    for rollout in tx.rollouts.for_landing(landing.id):
        for verdict in tx.verdicts.of_rollout(rollout.id):
            yield Line(verdict.at, "verdict", f"{verdict.kind.replace('_', ' ')} at {verdict.stage}", verdict.reason)
