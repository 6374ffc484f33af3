# SPDX-License-Identifier: GPL-2.0-only
"""Why a landing is not live yet, since when, and when it will be: no silent waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.admission import obstacle, passes, queue
from buildbot_cd.core.landing.forecast import forecast
from buildbot_cd.core.landing.moves import EMERGENCY, HELD
from buildbot_cd.core.landing.production import why_not_deploying
from buildbot_cd.core.landing.values import Landing, Mode, Snapshot, State
from buildbot_cd.core.landing.windows import in_force

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.moves import Policy
    from buildbot_cd.core.landing.spans import Usual
    from buildbot_cd.core.landing.values import Slot

Range = tuple[float, float]
"""From the median to the 90th percentile, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one landing waits for.

    ``why`` is one sentence; ``since`` and ``until`` are moments (``until``: when this wait ends by itself);
    ``position`` in the queue from 1, None inside the gate; ``turn`` is when it gets the test slot and ``eta`` when it
    is live, None where nobody can know.
    """

    why: str
    since: float
    until: float | None = None
    position: int | None = None
    turn: Range | None = None
    eta: Range | None = None


def waiting(
    snapshot: Snapshot,
    held: Mapping[Slot, tuple[int, float]],
    usual: Usual,
    policy: Policy,
    now: float,
    progress: Mapping[int, str] | None = None,
) -> dict[int, Waiting]:
    """For every open landing of the gate.

    ``held`` says who took which slot when; ``progress`` may add to a landing's sentence how far its stage is.
    """
    places = {one.id: place for place, one in enumerate(queue(snapshot), 1)}
    soon = forecast(snapshot, held, usual, policy, now, 0.5)
    late = forecast(snapshot, held, usual, policy, now, 0.9)
    return {
        one.id: Waiting(
            why=_why(snapshot, one, places, policy, now) + _told(progress, one),
            since=one.since,
            until=_until(snapshot, one, policy, now),
            position=places.get(one.id),
            turn=_range(soon.turn, late.turn, one),
            eta=_range(soon.live, late.live, one),
        )
        for one in snapshot.landings
    }


def is_held(landing: Landing) -> bool:
    """Whether a person holds it."""
    return landing.not_before is not None and landing.not_before >= HELD


def _range(soon: Mapping[int, float], late: Mapping[int, float], landing: Landing) -> Range | None:
    low, high = soon.get(landing.id), late.get(landing.id)
    return None if low is None or high is None else (low, high)


def _told(progress: Mapping[int, str] | None, landing: Landing) -> str:
    more = (progress or {}).get(landing.id)
    return f": {more}" if more else ""


def _why(snapshot: Snapshot, landing: Landing, places: Mapping[int, int], policy: Policy, now: float) -> str:
    if landing.state is State.QUEUED:
        return _why_queued(snapshot, landing, places, now)
    if landing.state is State.PASSED:
        if landing.not_before is not None and landing.not_before > now:
            return f"passed; {landing.reason}"
        other = why_not_deploying(snapshot, landing, policy.windows if policy.deploys else (), now)
        return f"passed; {other}" if other else "passed; it enters deployment now"
    prefix = _PREFIX.get(landing.state, "")
    return f"{prefix}{landing.reason or landing.state.replace('_', ' ')}"


_PREFIX: Mapping[State, str] = {
    State.INFRA_HOLD: "it is tried again: ",
    State.ROLLING_BACK: "its hosts go back to what they carried: ",
    State.REVERTING: "its commits are being taken back: ",
    State.HALTED: "a person has to look, then resume the gate: ",
}


def _why_queued(snapshot: Snapshot, landing: Landing, places: Mapping[int, int], now: float) -> str:
    if landing.not_before is not None and landing.not_before > now:
        return landing.reason or "it waits for its time"
    if landing.revert_kind:
        return f"it is taken back as soon as the revert before it is through: {landing.reason}"
    place = places[landing.id]
    where = "first in the queue" if place == 1 else f"number {place} in the queue"
    other = obstacle(snapshot, landing)
    if other:
        return f"{where}: {other}"
    first = queue(snapshot)[0]
    return f"{where}: it is let in now" if place == 1 else f"{where}: landing {first.id} goes first"


def _until(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> float | None:
    if landing.not_before is not None and now < landing.not_before:
        return None if is_held(landing) else landing.not_before
    closed = in_force(policy.windows, now) if policy.deploys and landing.state is State.PASSED else None
    if closed is not None and landing.priority < EMERGENCY:
        return closed[1]
    if passes(snapshot.gate, landing):
        return None
    if snapshot.gate.mode is Mode.CLOSED and landing.state in (State.QUEUED, State.PASSED):
        return snapshot.gate.mode_until
    return snapshot.gate.mode_until if snapshot.gate.mode is Mode.DRAIN and landing.state is State.QUEUED else None
