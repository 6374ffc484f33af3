# SPDX-License-Identifier: GPL-2.0-only
"""From records and observations to what happens next.

The same rule gives resumption after a crash, rollback, dry run and the repair of drift: act only where what is
observed is not what is desired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from buildbot_cd.core.rollout.records import BAD_PHASES, HostRecord, Observation, Phase, failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.rollout.stages import StagePlan


class ActionKind(StrEnum):
    """What to do with one host; all but PROBE are verbs of the fan-out program."""

    PROBE = "status"
    STAGE = "stage"
    SWITCH = "switch"
    CHECK = "health"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do on one host. ``expect`` is the release that a SWITCH must find there (compare and set)."""

    kind: ActionKind
    host: str
    release: str | None = None
    expect: str | None = None


class Outcome(StrEnum):
    """Where a stage stands."""

    RUNNING = "running"
    DONE = "done"
    OVER_BUDGET = "over_budget"


def next_actions(
    records: Mapping[str, HostRecord], seen: Mapping[str, Observation], release: str | None
) -> tuple[Action, ...]:
    """What to do now, by host name.

    :param seen: the last probe of each host; a host that is not in it, or was unreachable, is probed first.
    :param release: the release to have staged on every host before any host is switched; None: stage nothing that is
        not desired (a rollback). Hosts in a bad phase do not hold the others up.
    """
    actions = [action for name in sorted(records) for action in _for_host(name, records[name], seen.get(name), release)]
    staging = any(a.kind is ActionKind.STAGE and records[a.host].phase not in BAD_PHASES for a in actions)
    if release is not None and staging:
        actions = [action for action in actions if action.kind is not ActionKind.SWITCH]
    return tuple(actions)


def _for_host(name: str, record: HostRecord, seen: Observation | None, release: str | None) -> tuple[Action, ...]:
    if seen is None or not seen.reachable:
        return (Action(ActionKind.PROBE, name),)
    wanted = record.desired
    if release is not None and release not in seen.staged:
        return (Action(ActionKind.STAGE, name, release),)
    if wanted is None:
        return ()
    if seen.current != wanted:
        if wanted not in seen.staged:
            return (Action(ActionKind.STAGE, name, wanted),)
        return (Action(ActionKind.SWITCH, name, wanted, seen.current),)
    if record.phase is not Phase.HEALTHY:
        return (Action(ActionKind.CHECK, name, wanted),)
    return ()


def is_converged(records: Mapping[str, HostRecord]) -> bool:
    """Whether every host carries what it shall and has been seen healthy with it; hosts left alone do not count."""
    return all(
        record.desired is None or (record.observed == record.desired and record.phase is Phase.HEALTHY)
        for record in records.values()
    )


def stage_outcome(stage: StagePlan, records: Mapping[str, HostRecord]) -> Outcome:
    """Whether the stage goes on, is through, or has lost more hosts than its budget allows.

    A stage within its budget is through although some hosts failed: they stay owed their desired release.
    """
    own = {host.name: records[host.name] for host in stage.hosts}
    if failures(own.values()) > stage.budget:
        return Outcome.OVER_BUDGET
    healthy_or_owed = all(is_converged({name: r}) or r.phase in BAD_PHASES for name, r in own.items())
    return Outcome.DONE if healthy_or_owed else Outcome.RUNNING


def rollback_targets(records: Mapping[str, HostRecord]) -> dict[str, str]:
    """Where each host goes back to: the release recorded for it, never "the second newest" on its disk.

    Hosts that carry it already are not in the result; hosts that were not reached are, for they may have switched.
    """
    return {
        name: record.previous
        for name, record in records.items()
        if record.previous is not None and (record.observed != record.previous or record.phase is Phase.UNREACHABLE)
    }


def without_previous(records: Mapping[str, HostRecord]) -> tuple[str, ...]:
    """Names of the hosts that cannot go back, because they carried no release before this rollout."""
    return tuple(sorted(name for name, record in records.items() if record.previous is None))


def rollback_records(records: Mapping[str, HostRecord]) -> dict[str, HostRecord]:
    """The records with every host desired back on its previous release; a host without one is left alone."""
    return {
        name: replace(record, desired=record.previous, phase=_judged_anew(record)) for name, record in records.items()
    }


def _judged_anew(record: HostRecord) -> Phase:
    untouched = record.previous is not None and record.observed == record.previous
    return record.phase if untouched and record.phase is Phase.HEALTHY else Phase.PENDING
