# SPDX-License-Identifier: GPL-2.0-only
"""A gate at one look: is it safe to push, who is in it, who waits; and what it did over some days."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.admission import blind, obstacle, queue
from buildbot_cd.core.landing.block import free_for_all
from buildbot_cd.core.landing.history import DAY, summary
from buildbot_cd.core.landing.spans import FEWEST, Usual, quantile, usual
from buildbot_cd.core.landing.values import TERMINAL, Slot, State
from buildbot_cd.engine.views.remembered import Remembered
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.landing.moves import Policy
    from buildbot_cd.core.landing.values import Freeze, Gate, Snapshot
    from buildbot_cd.store.interface import Tx

LEARN_FROM = 50
"""Landings that went live, and as many that were taken back: what a stage usually takes is learnt from these."""

MOST_IN_HISTORY = 100_000
"""Landings that a history may hold; more than a gate can let through in the longest window."""

_ENDED = tuple(sorted(state.value for state in TERMINAL))


@dataclass(frozen=True, slots=True)
class Memory:
    """What is not computed anew for every reader: usual times, histories of many days, what is known of all tests."""

    usual: Remembered[Usual] = field(default_factory=lambda: Remembered(10.0))
    history: Remembered[dict[str, Any]] = field(default_factory=lambda: Remembered(20.0))
    suite: Remembered[tuple[dict[str, Any], ...]] = field(default_factory=lambda: Remembered(30.0))
    capacity: Remembered[dict[str, Any]] = field(default_factory=lambda: Remembered(600.0))


@dataclass(frozen=True, slots=True)
class Lens:
    """How to look: the rules' settings, the budget of a test run in seconds, the moment, and what is remembered."""

    policy: Policy
    now: float
    budget: float | None = None
    memory: Memory = field(default_factory=Memory)


def usual_of(tx: Tx, gate: str, lens: Lens) -> Usual:
    """What the stages of this gate took of late."""
    return lens.memory.usual.get(gate, lens.now, lambda: _usual(tx, gate))


def _usual(tx: Tx, gate: str) -> Usual:
    recent = [
        one.id
        for state in (State.LIVE, State.REVERTED)
        for one in tx.landings.find(Wanted(gate, states=(state.value,), limit=LEARN_FROM, counted=False))[0]
    ]
    return usual(tx.landings.histories(recent).values())


def gates_view(tx: Tx, lens: Lens) -> list[dict[str, Any]]:
    """All gates."""
    return [_view(tx, gate, lens) for gate in tx.gates.all()]


def gate_view(tx: Tx, name: str, lens: Lens) -> dict[str, Any] | None:
    """One gate, None if there is none of this name."""
    gate = tx.gates.get(name)
    return None if gate is None else _view(tx, gate, lens)


def _view(tx: Tx, gate: Gate, lens: Lens) -> dict[str, Any]:
    snapshot = tx.snapshot(gate.name)
    waiting = [one.id for one in queue(snapshot)]
    going = (State.ROLLING_BACK, State.REVERTING)
    taken = [
        one.id for one in snapshot.landings if one.state in going or (one.state is State.QUEUED and one.revert_kind)
    ]
    return {
        **_row(gate),
        "slots": _slots(tx, snapshot),
        "queue": waiting,
        "queued": len(waiting),
        "open": len(snapshot.landings),
        "reverting": taken,
        "obstacle": obstacle(snapshot) or blind(snapshot),
        "safe": free_for_all(snapshot, lens.policy) and not blind(snapshot),
        "stages": _stages(usual_of(tx, gate.name, lens)),
        "budget": lens.budget,
        "now": lens.now,
    }


def _row(gate: Gate) -> dict[str, Any]:
    return {
        "name": gate.name,
        "mode": gate.mode.value,
        "by": gate.mode_by,
        "why": gate.mode_reason,
        "until": gate.mode_until,
        "min_priority": gate.min_priority,
        "beneath": _freeze(gate.beneath),
        "trunk": gate.trunk,
        "tested": gate.tested,
        "live": gate.live,
        "version": gate.version,
    }


def _freeze(beneath: Freeze | None) -> dict[str, Any] | None:
    """The freeze that is in force again when a halt ends."""
    if beneath is None:
        return None
    return {
        "mode": beneath.mode.value,
        "by": beneath.by,
        "why": beneath.reason,
        "until": beneath.until,
        "min_priority": beneath.min_priority,
    }


def _slots(tx: Tx, snapshot: Snapshot) -> dict[str, Any]:
    held = tx.slots.held(snapshot.gate.name)
    told: dict[str, Any] = {slot.value: None for slot in Slot}
    for slot, (ident, since) in held.items():
        landing = snapshot.landing(ident)
        if landing is not None:
            told[slot.value] = {
                "landing": ident,
                "since": since,
                "engineer": landing.engineer,
                "subject": landing.subject,
                "state": landing.state.value,
            }
    return told


def _stages(found: Usual) -> dict[str, Any]:
    return {"test": _stage(found.test), "deploy": _stage(found.deploy), "revert": _stage(found.revert)}


def _stage(lengths: Sequence[float]) -> dict[str, float | int] | None:
    if len(lengths) < FEWEST:
        return None
    return {"n": len(lengths), "p50": quantile(lengths, 0.5), "p90": quantile(lengths, 0.9)}


def history_view(tx: Tx, gates: Sequence[str] | None, days: int, lens: Lens) -> list[dict[str, Any]]:
    """One object a gate (None: of all) over the last ``days``."""
    names = [gate.name for gate in tx.gates.all() if gates is None or gate.name in gates]
    return [lens.memory.history.get((name, days), lens.now, partial(_history, tx, name, days, lens)) for name in names]


def _history(tx: Tx, gate: str, days: int, lens: Lens) -> dict[str, Any]:
    since = lens.now - days * DAY
    landings, _ = tx.landings.find(Wanted(gate, states=_ENDED, since=since, limit=MOST_IN_HISTORY, counted=False))
    histories = tx.landings.histories(one.id for one in landings)
    return {"gate": gate, **summary(landings, histories, days, lens.now)}
