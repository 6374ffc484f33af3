# SPDX-License-Identifier: GPL-2.0-only
"""People's orders carried out: each is a rule of the gate, or a change of a record, in one transaction.

What the caller saw (``expect``) is compared inside that transaction, so a page that was left open cannot act on what
has changed since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.incident import Cause, answered, begun, named
from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.adopt import adopt
from buildbot_cd.core.landing.values import Effect, EffectKind, Mode, State
from buildbot_cd.engine.orders import as_seen
from buildbot_cd.engine.promotion import promotable, promotion
from buildbot_cd.engine.trust import call_wrong, end_quarantine, put_in_quarantine
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Landing, Snapshot
    from buildbot_cd.engine.orders import Order
    from buildbot_cd.engine.service import Engine
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Rollout

USUAL_QUARANTINE = 14 * 86400.0
"""Seconds of a quarantine whose end nobody names."""

_MODES = {"freeze": Mode.CLOSED, "drain": Mode.DRAIN, "halt": Mode.HALTED}


async def order_gate(engine: Engine, name: str, order: Order) -> None:  # noqa: ARG001 - as the others; an engine has one
    """Freeze, drain, halt, resume, adopt a rewritten trunk; put a test in quarantine, or end that.

    Raises ControlRefused, OutOfDate.
    """
    now = engine.now()
    if order.action in ("quarantine", "end_quarantine"):
        await _order_quarantine(engine, order, now)
        return

    def rule(snapshot: Snapshot) -> Move:
        gate = snapshot.gate
        as_seen(order, f"gate {gate.name}", gate.version, gate.mode.value)
        if order.action == "resume":
            return control.resume(snapshot, order.by, order.reason or "no reason given", now)
        if order.action == "adopt":
            return adopt(snapshot, order.by, order.reason, now)
        mode = _MODES[order.action]
        return control.set_mode(snapshot, mode, order.by, order.reason, order.until, order.min_priority)

    await engine.order(rule)


async def _order_quarantine(engine: Engine, order: Order, now: float) -> None:
    test = str(order.more["test"])
    if order.action == "end_quarantine":
        await engine.store.transact(end_quarantine(engine.gate, test))
        return
    until = order.until if order.until is not None else now + USUAL_QUARANTINE
    owner = str(order.more["mender"])
    await engine.store.transact(put_in_quarantine(engine.gate, test, owner, order.reason, order.by, now, until))


async def order_landing(engine: Engine, ident: int, order: Order) -> None:
    """Hold, release, withdraw or roll back a landing, or call its revert wrong. Raises ControlRefused, OutOfDate."""
    if order.action == "call_wrong":
        if not await engine.store.transact(call_wrong(engine.gate, ident, order.by, order.reason, engine.now())):
            raise ControlRefused(f"the revert of landing {ident} was called wrong before")
        return
    await engine.order(_landing_rule(engine, order, lambda _snapshot: ident, seen=True), _alone(ident))


def _alone(ident: int) -> Callable[[Tx], None]:
    """Raises ControlRefused for a landing that another one carries: only that one can be ordered about, whole."""

    def check(tx: Tx) -> None:
        landing = tx.landings.get(ident)
        if landing is not None and landing.carried:
            raise ControlRefused(
                f"landing {ident} rides with landing {landing.cause}: they are tested, deployed and taken back as one. "
                f"Order it for landing {landing.cause}, and push again what shall stay"
            )

    return check


async def order_rollout(engine: Engine, ident: int, order: Order) -> None:
    """Promote a rollout, or roll back its landing if this rollout is the newest. Raises ControlRefused, OutOfDate."""
    if order.action == "promote":
        await _promote(engine, ident, order)
        return
    landing: list[int] = []

    def check(tx: Tx) -> None:
        landing.clear()
        rollout = tx.rollouts.get(ident)
        if rollout is None or rollout.landing is None:
            raise ControlRefused(f"rollout {ident} belongs to no landing")
        as_seen(order, f"rollout {ident}", rollout.version, rollout.state.value)
        if tx.rollouts.for_landing(rollout.landing)[-1].id != ident:
            raise ControlRefused(f"rollout {ident} is not the newest of landing {rollout.landing}")
        landing.append(rollout.landing)

    await engine.order(_landing_rule(engine, order, lambda _snapshot: landing[0], seen=False), check)


async def _promote(engine: Engine, ident: int, order: Order) -> None:
    """End the watch of the present stage: the rollout goes on as if its time had passed without harm."""

    def run(tx: Tx) -> Rollout:
        rollout = tx.rollouts.get(ident)
        if rollout is None:
            raise ControlRefused(f"there is no rollout {ident}")
        as_seen(order, f"rollout {ident}", rollout.version, rollout.state.value)
        if not promotable(rollout):
            raise ControlRefused(f"rollout {ident} is {rollout.state}: only a watch can be ended early")
        return tx.rollouts.update(replace(rollout, promoted=promotion(rollout.stage, order.by, order.reason)))

    engine.events.rollout_changed(await engine.store.transact(run))
    engine.wake()


def _landing_rule(
    engine: Engine, order: Order, ident: Callable[[Snapshot], int], *, seen: bool
) -> Callable[[Snapshot], Move]:
    policy, now = engine.policy, engine.now()

    def rule(snapshot: Snapshot) -> Move:
        landing = snapshot.landing(ident(snapshot))
        if landing is None:
            raise ControlRefused(f"landing {ident(snapshot)} has ended: nothing can be ordered any more")
        if seen:
            as_seen(order, f"landing {landing.id}", landing.version, landing.state.value)
        rules: dict[str, Callable[[Landing], Move]] = {
            "hold": lambda one: control.hold(one, order.by, order.reason),
            "release": lambda one: control.release(one, order.by),
            "withdraw": lambda one: control.withdraw(snapshot, one, order.by, policy, now),
            "roll_back": lambda one: control.roll_back(snapshot, one, order.by, order.reason, now),
            "emergency": lambda one: control.emergency(one, order.by, order.reason),
        }
        return rules[order.action](landing)

    return rule


async def order_incident(engine: Engine, ident: int, order: Order) -> None:
    """Answer a why, name the test, or have it shown. Raises ControlRefused, OutOfDate."""
    now = engine.now()

    def run(tx: Tx) -> Incident:
        incident = tx.incidents.get(ident)
        if incident is None:
            raise ControlRefused(f"there is no incident {ident}")
        as_seen(order, f"incident {ident}", incident.version, incident.state.value)
        if order.action == "answer":
            return tx.incidents.update(answered(incident, int(order.more["why"]), str(order.more["text"])))
        if order.action == "name_test":
            return tx.incidents.update(named(incident, str(order.more["test"])))
        return _prove(tx, incident, now)

    engine.events.incident_changed(await engine.store.transact(run))
    engine.wake()


def _prove(tx: Tx, incident: Incident, now: float) -> Incident:
    gate = tx.gates.get(incident.gate)
    landing = None if incident.landing is None else tx.landings.get(incident.landing)
    gone = landing is None or incident.cause is Cause.ESCAPE or landing.state is State.REVERTED
    proving = begun(incident, gone=gone)
    if gate is None or gate.trunk is None:
        raise ControlRefused("trunk has not been looked at yet")
    key = f"{incident.gate}/incident/{incident.id}/proof/{incident.version}"
    payload = {"incident": incident.id, "test": incident.test, "bad": incident.bad, "trunk": gate.trunk}
    tx.outbox.put(incident.gate, incident.landing, Effect(EffectKind.PROOF, key, payload), gate.epoch, now)
    return tx.incidents.update(proving)
