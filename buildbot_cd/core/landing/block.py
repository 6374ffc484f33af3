# SPDX-License-Identifier: GPL-2.0-only
"""Who may push to trunk now: the commit block of a trunk in ``blocked`` mode, and what a freeze refuses in any mode.

Safety does not depend on it: a push that comes all the same waits in the queue like any other. It is there so that
nothing lands behind a change that may have to be taken back, and so that people hear at once what they would wait for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.admission import queue
from buildbot_cd.core.landing.forecast import forecast
from buildbot_cd.core.landing.people import same_person
from buildbot_cd.core.landing.values import BLOCKING, Gate, Landing, Mode, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.moves import Policy
    from buildbot_cd.core.landing.spans import Usual


class Block(StrEnum):
    """Why a push is refused; NONE if it is not."""

    NONE = ""
    FROZEN = "frozen"
    TAKEN_BACK = "taken_back"
    HELD = "held"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What stands against one person's push.

    ``landing`` is the one in the way; ``sentence`` says it in words. ``position`` is the place in the queue that the
    push would have, from 1, and ``turn`` the range of moments at which it would get the test slot (None: nobody knows).
    """

    block: Block
    sentence: str = ""
    landing: Landing | None = None
    position: int = 1
    turn: tuple[float, float] | None = None

    @property
    def may(self) -> bool:
        """True if the push is let through."""
        return self.block is Block.NONE


def ruling(
    snapshot: Snapshot,
    engineer: str,
    held: Mapping[Slot, tuple[int, float]],
    usual: Usual,
    policy: Policy,
    now: float,
) -> Ruling:
    """Whether this engineer may push now. ``held`` and ``usual`` only serve to tell when their turn would come."""
    block, sentence, landing = _why_not(snapshot, engineer, policy)
    position = len(queue(snapshot)) + 1
    if block is Block.NONE:
        return Ruling(block, position=position)
    imagined = _with_one_more(snapshot, engineer, now)
    ends = [
        forecast(imagined, held, usual, policy, now, share).turn.get(imagined.landings[-1].id) for share in (0.5, 0.9)
    ]
    turn = None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
    return Ruling(block, sentence, landing, position, turn)


def free_for_all(snapshot: Snapshot, policy: Policy) -> bool:
    """True if anybody may push, and would not land behind a change that is being taken back."""
    gate, stuck = snapshot.gate, _taken_back(snapshot)
    inside = policy.blocked and (snapshot.holder(Slot.TEST) is not None or bool(queue(snapshot)))
    return gate.mode is Mode.OPEN and stuck is None and not inside


def _why_not(snapshot: Snapshot, engineer: str, policy: Policy) -> tuple[Block, str, Landing | None]:
    if policy.shadow:
        return Block.NONE, "", None
    if snapshot.gate.mode is not Mode.OPEN:
        return Block.FROZEN, _frozen(snapshot.gate), None
    if not policy.blocked:
        return Block.NONE, "", None
    stuck = _taken_back(snapshot)
    if stuck is not None:
        state = stuck.state if stuck.state is not State.QUEUED else State.REVERTING
        return Block.TAKEN_BACK, f"landing {stuck.id} is {state.replace('_', ' ')}: {stuck.reason}", stuck
    holder = snapshot.holder(Slot.TEST)
    if holder is not None:
        if same_person(holder.engineer, engineer):
            return Block.NONE, "", None
        return Block.HELD, f"landing {holder.id} holds the test slot ({holder.state.replace('_', ' ')})", holder
    first = next(iter(queue(snapshot)), None)
    if first is None or same_person(first.engineer, engineer):
        return Block.NONE, "", None
    return Block.QUEUED, f"landing {first.id} is about to enter the test slot", first


def _frozen(gate: Gate) -> str:
    by = f" by {gate.mode_by}" if gate.mode_by else ""
    return f"the gate is {gate.mode}{by}: {gate.mode_reason or 'no reason given'}"


def _taken_back(snapshot: Snapshot) -> Landing | None:
    for one in snapshot.landings:
        if one.state in BLOCKING or (one.state is State.QUEUED and one.revert_kind):
            return one
    return None


def _with_one_more(snapshot: Snapshot, engineer: str, now: float) -> Snapshot:
    """The gate as it would be with this push at the end of the queue."""
    ident = max((one.id for one in snapshot.landings), default=0) + 1
    more = Landing(ident, snapshot.gate.name, "", "", engineer, "", since=now, queued_at=now)
    return replace(snapshot, landings=(*snapshot.landings, more))
