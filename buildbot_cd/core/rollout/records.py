# SPDX-License-Identifier: GPL-2.0-only
"""What is recorded of a host, what was seen on it, and how the second corrects the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Phase(StrEnum):
    """How far a host has come in its rollout; the values are those of the fan-out program's events."""

    PENDING = "pending"
    STAGED = "staged"
    SWITCHED = "switched"
    ROLLED_BACK = "rolled_back"
    HEALTHY = "healthy"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    UNHEALTHY = "unhealthy"
    REFUSED = "refused"


BAD_PHASES = frozenset({Phase.FAILED, Phase.UNREACHABLE, Phase.UNHEALTHY, Phase.REFUSED})
"""Phases that count against the failure budget, all alike."""

_ON_TARGET = frozenset({Phase.SWITCHED, Phase.ROLLED_BACK, Phase.HEALTHY, Phase.UNHEALTHY})


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host in one rollout.

    :param desired: the release it shall carry now (the old one until its stage begins); None: leave it alone.
    :param observed: the release it was last seen to carry; None: none, or never seen.
    :param previous: the release it carried before this rollout, where a rollback goes; None: it had none.
    """

    desired: str | None
    observed: str | None = None
    previous: str | None = None
    phase: Phase = Phase.PENDING
    error: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a probe found: ``staged`` are the ids of the complete releases on the host."""

    current: str | None = None
    staged: frozenset[str] = frozenset()
    reachable: bool = True
    error: str = ""


def observe(record: HostRecord, seen: Observation) -> HostRecord:
    """Correct the record by what was seen; what was seen wins, but ``previous`` is never overwritten.

    An unreachable host keeps its last observed release. A host that is back is judged anew.
    """
    if not seen.reachable:
        return replace(record, phase=Phase.UNREACHABLE, error=seen.error or "unreachable")
    on_target = record.desired is not None and seen.current == record.desired
    phase, error = record.phase, record.error
    if on_target and phase not in _ON_TARGET:
        phase, error = Phase.SWITCHED, ""
    elif not on_target and (phase in _ON_TARGET or phase is Phase.UNREACHABLE):
        phase, error = Phase.PENDING, ""
    previous = record.previous if record.previous is not None or on_target else seen.current
    return replace(record, observed=seen.current, previous=previous, phase=phase, error=error)


def after_event(record: HostRecord, phase: Phase, release: str | None, error: str = "") -> HostRecord:
    """Note what the fan-out program reported. ``release`` is what the host carries now; None: not known."""
    observed = release if release is not None else record.observed
    return replace(record, observed=observed, phase=phase, error=error)


def failures(records: Iterable[HostRecord]) -> int:
    """How many hosts count against the budget: unreachable, failed, unhealthy and refused together."""
    return sum(record.phase in BAD_PHASES for record in records)
