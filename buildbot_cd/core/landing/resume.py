# SPDX-License-Identifier: GPL-2.0-only
"""After a halt: a person has looked, and what was halted goes on where it stood."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.landing.moves import Move, Policy, enter
from buildbot_cd.core.landing.production import rollout
from buildbot_cd.core.landing.reverting import resumed_revert
from buildbot_cd.core.landing.values import Landing, Mode, Slot, Snapshot, State


def go_on(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move | None:
    """What a halted landing does once its gate is resumed, with a fresh count of attempts; None while it is halted."""
    if snapshot.gate.mode is Mode.HALTED:
        return None
    if landing.revert_kind:
        return resumed_revert(snapshot, landing, policy, now)
    fresh = replace(landing, attempt=landing.attempt + 1, infra_attempts=0)
    if snapshot.slots.get(Slot.DEPLOY) == landing.id:
        again = enter(fresh, State.DEPLOYING, now, "deployed again after the halt")
        return Move("deployed again after the halt", landings=(again,), effects=rollout(snapshot, again))
    queued = enter(replace(fresh, candidate=None, failing=()), State.QUEUED, now, "tested again after the halt")
    held = tuple((slot, ident) for slot, ident in snapshot.slots.items() if ident == landing.id)
    return Move("tested again after the halt", landings=(queued,), free=held)
