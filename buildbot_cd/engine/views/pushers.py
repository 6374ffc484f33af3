# SPDX-License-Identifier: GPL-2.0-only
"""What a git server's hook is told of one person's push, as a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.block import ruling
from buildbot_cd.engine.views.gates import usual_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.block import Ruling
    from buildbot_cd.core.landing.values import Gate, Slot
    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx


def pusher_view(tx: Tx, gate: str, who: str, lens: Lens) -> dict[str, Any] | None:
    """Whether ``who``, a push identity, may push now; None if there is no such gate."""
    if tx.gates.get(gate) is None:
        return None
    snapshot, held, people = tx.snapshot(gate), tx.slots.held(gate), lens.policy.people
    engineer = people.called(who)
    found = ruling(snapshot, engineer, held, usual_of(tx, gate, lens), lens.policy, lens.now)
    told = pusher_row(snapshot.gate, found, held)
    more = {"who": who, "engineer": engineer, "hurries": people.hurries(who), "blocked": lens.policy.blocked}
    return {**told, **more, "now": lens.now}


def pusher_row(gate: Gate, found: Ruling, held: Mapping[Slot, tuple[int, float]]) -> dict[str, Any]:
    """The gate's ruling; ``holder`` is the landing in the way."""
    landing = found.landing
    holder = None
    if landing is not None:
        slotted = next((since for ident, since in held.values() if ident == landing.id), landing.since)
        holder = {
            "landing": landing.id,
            "since": slotted,
            "engineer": landing.engineer,
            "subject": landing.subject,
            "state": landing.state.value,
        }
    return {
        "may": found.may,
        "block": found.block.value,
        "sentence": found.sentence,
        "mode": gate.mode.value,
        "by": gate.mode_by,
        "why": gate.mode_reason,
        "until": gate.mode_until,
        "holder": holder,
        "position": found.position,
        "turn": list(found.turn) if found.turn else None,
    }
