# SPDX-License-Identifier: GPL-2.0-only
"""Landings as JSON: what they are, what they wait for, and what was done for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.trust import JUDGED
from buildbot_cd.core.landing.values import EffectKind, Landing, State
from buildbot_cd.core.landing.waiting import Waiting, is_held, waiting
from buildbot_cd.engine.perform import BUILDER_OF
from buildbot_cd.engine.views.gates import usual_of
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Intent, Snapshot
    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.wanted import Wanted

LONGEST = 20_000
"""Characters of a text that may be as long as its writer liked."""


def landing_row(landing: Landing) -> dict[str, Any]:
    """The landing's own fields, as lists and events show them."""
    row = {name: getattr(landing, name) for name in _PLAIN}
    return {
        **row,
        "state": landing.state.value,
        "open": not landing.state.terminal,
        "held": is_held(landing),
        "failing": list(landing.failing),
        "message": "",
    }


_PLAIN = (
    *("id", "gate", "base", "head", "engineer", "subject", "since", "queued_at", "priority", "attempt"),
    *("infra_attempts", "not_before", "candidate", "cause", "revert_kind", "revert", "reason", "emergency", "version"),
)


def landings_view(tx: Tx, wanted: Wanted, lens: Lens) -> tuple[list[dict[str, Any]], int]:
    """A page of landings, and how many match in all."""
    found, total = tx.landings.find(wanted)
    return _views(tx, found, lens), total


def landing_view(tx: Tx, ident: int, lens: Lens) -> dict[str, Any] | None:
    """One landing with its messages, None if there is none of this id."""
    landing = tx.landings.get(ident)
    if landing is None:
        return None
    return {**_views(tx, (landing,), lens)[0], "message": landing.message[:LONGEST]}


def _views(tx: Tx, landings: Sequence[Landing], lens: Lens) -> list[dict[str, Any]]:
    gates = {one.gate for one in landings if not one.state.terminal}
    snapshots = {gate: tx.snapshot(gate) for gate in sorted(gates)}
    waits: dict[int, Waiting] = {}
    for gate, snapshot in snapshots.items():
        usually, held = usual_of(tx, gate, lens), tx.slots.held(gate)
        waits |= waiting(snapshot, held, usually, lens.policy, lens.now, _progress(tx, snapshot))
    return [
        {
            **landing_row(one),
            "waiting": _waiting(waits.get(one.id)),
            "can": can_when_ended(one) if one.state.terminal else can(snapshots[one.gate], one, lens),
        }
        for one in landings
    ]


def _waiting(found: Waiting | None) -> dict[str, Any] | None:
    if found is None:
        return None
    ranges = {name: list(value) if value else None for name, value in (("turn", found.turn), ("eta", found.eta))}
    return {**asdict(found), **ranges}


def can(snapshot: Snapshot, landing: Landing, lens: Lens) -> list[str]:
    """The actions that the rules allow now: each rule is asked itself, so that this cannot differ from what it does."""
    rules: dict[str, Callable[[], Move]] = {
        "hold": lambda: control.hold(landing, "somebody", "a reason"),
        "release": lambda: control.release(landing, "somebody"),
        "withdraw": lambda: control.withdraw(snapshot, landing, "somebody", lens.policy, lens.now),
        "roll_back": lambda: control.roll_back(snapshot, landing, "somebody", "a reason", lens.now),
        "emergency": lambda: control.emergency(landing, "somebody", "a reason"),
    }
    return [name for name, rule in rules.items() if _allowed(rule)]


def can_when_ended(landing: Landing) -> list[str]:
    """What may still be said of a landing that has ended."""
    return ["call_wrong"] if landing.state is State.REVERTED and landing.revert_kind in JUDGED else []


def _allowed(rule: Callable[[], Move]) -> bool:
    try:
        rule()
    except ControlRefused:
        return False
    return True


def _progress(tx: Tx, snapshot: Snapshot) -> dict[int, str]:
    """How far the stages are that can say so; at most one landing is in each of them."""
    told = {}
    for one in snapshot.landings:
        if one.state in (State.TESTING, State.CONFIRMING):
            told[one.id] = _tests_done(tx, one)
        elif one.state in (State.DEPLOYING, State.ROLLING_BACK):
            rollouts = tx.rollouts.for_landing(one.id)
            newest = rollouts[-1] if rollouts else None
            told[one.id] = f"{newest.state.replace('_', ' ')} {newest.stage}".strip() if newest else ""
    return told


def _tests_done(tx: Tx, landing: Landing) -> str:
    runs = tx.runs.for_landing(landing.id)
    if not runs:
        return ""
    counts = tx.runs.counts(runs[-1].id)
    total = counts.waiting + counts.claimed + counts.done
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{counts.done} of {total} tests done{failed}" if total else "its tests are being selected"


def transitions_view(tx: Tx, ident: int) -> list[dict[str, Any]] | None:
    """A landing's history, None if there is no such landing."""
    if tx.landings.get(ident) is None:
        return None
    lines = tx.landings.transitions(ident)
    ends = [line.at for line in lines[1:]]
    seconds = [end - line.at for line, end in zip(lines, ends, strict=False)] + [None]
    return [
        {
            "landing": line.landing,
            "seq": line.seq,
            "before": None if line.before is None else line.before.value,
            "after": line.after.value,
            "at": line.at,
            "actor": line.actor,
            "reason": line.reason,
            "seconds": stayed,
        }
        for line, stayed in zip(lines, seconds, strict=False)
    ]


def effects_view(tx: Tx, ident: int) -> list[dict[str, Any]] | None:
    """What was done for a landing, None if there is no such landing."""
    if tx.landings.get(ident) is None:
        return None
    return [_effect(intent) for intent in tx.outbox.of_landings((ident,))]


def _effect(intent: Intent) -> dict[str, Any]:
    builder = intent.payload.get("builder") if intent.kind is EffectKind.BUILD else BUILDER_OF.get(intent.kind)
    return {
        "key": intent.key,
        "landing": intent.landing,
        "kind": intent.kind.value,
        "state": intent.state.value,
        "builder": builder,
        "buildsetid": int(intent.ref) if intent.ref is not None and intent.ref.isdecimal() else None,
        "created_at": intent.created_at,
        "started_at": intent.started_at,
        "result": None if intent.result is None else dict(intent.result),
    }
