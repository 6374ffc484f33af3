# SPDX-License-Identifier: GPL-2.0-only
"""People's orders: from the parameters of a call to a rule of the gate, carried out in one transaction.

What the caller saw (``expect``) is compared inside that transaction, so a page that was left open cannot act on what
has changed since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.adopt import adopt
from buildbot_cd.core.landing.values import Mode
from buildbot_cd.engine.trust import call_wrong, end_quarantine, put_in_quarantine
from buildbot_cd.errors import CdError, ControlRefused
from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.values import Landing, Snapshot
    from buildbot_cd.engine.service import Engine
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Rollout

LONGEST_REASON = 1000
"""Characters of a reason: it is shown on one line in many places."""


class BadOrder(CdError):
    """A parameter is missing, unknown or of the wrong type."""


class OutOfDate(ControlRefused):
    """The state that the caller saw is over."""


@dataclass(frozen=True, slots=True)
class Action:
    """What an action takes: whether a reason is needed, whether it may have an end, whether some may pass, and what
    else it needs.
    """

    reason: bool = False
    until: bool = False
    min_priority: bool = False
    more: tuple[str, ...] = ()


ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "gate": {
        "freeze": Action(reason=True, until=True, min_priority=True),
        "drain": Action(reason=True, until=True),
        "halt": Action(reason=True),
        "resume": Action(),
        "adopt": Action(reason=True),
        "quarantine": Action(reason=True, until=True, more=("test", "mender")),
        "end_quarantine": Action(more=("test",)),
    },
    "landing": {
        "hold": Action(reason=True),
        "release": Action(),
        "withdraw": Action(),
        "roll_back": Action(reason=True),
        "call_wrong": Action(reason=True),
        "emergency": Action(reason=True),
    },
    "rollout": {"roll_back": Action(reason=True), "promote": Action(reason=True)},
    "incident": {"answer": Action(more=("why", "text")), "name_test": Action(more=("test",)), "prove": Action()},
}
"""Kind of object to the actions that it takes."""

USUAL_QUARANTINE = 14 * 86400.0
"""Seconds of a quarantine whose end nobody names."""

_MODES = {"freeze": Mode.CLOSED, "drain": Mode.DRAIN, "halt": Mode.HALTED}


@dataclass(frozen=True, slots=True)
class Order:
    """One order of one person. ``expect``: the version (a number) or the state or mode (a text) that the person saw;
    ``more`` what `Action.more` names.
    """

    action: str
    by: str
    reason: str = ""
    until: float | None = None
    expect: int | str | None = None
    min_priority: int = 0
    more: Mapping[str, int | str] = field(default_factory=dict)


def parse(kind: str, action: str, params: Mapping[str, Any], by: str, now: float) -> Order:
    """The order that a call's parameters make. Raises BadOrder with what is wrong with them.

    There must be such an action of this kind.
    """
    takes = ACTIONS[kind][action]
    known = {"reason", "expect", *(name for name in ("until", "min_priority") if getattr(takes, name)), *takes.more}
    unknown = sorted(set(params) - known)
    if unknown:
        raise BadOrder(f"{action} takes {', '.join(sorted(known))}, not {unknown[0]!r}")
    return Order(
        action,
        by,
        _reason(action, params.get("reason"), needed=takes.reason),
        _until(params.get("until"), now),
        _expect(params.get("expect")),
        _priority(params.get("min_priority")),
        {name: _more(action, name, params.get(name)) for name in takes.more},
    )


def _reason(action: str, value: object, *, needed: bool) -> str:
    if value is None or value == "":
        value = ""
    if not isinstance(value, str):
        raise BadOrder(f"reason must be a text, not {value!r}")
    text = " ".join(value.split())
    if needed and not text:
        raise BadOrder(f"{action} needs a reason: it is shown to everybody who waits")
    if len(text) > LONGEST_REASON:
        raise BadOrder(f"reason has {len(text)} characters; at most {LONGEST_REASON} fit")
    return text


def _more(action: str, name: str, value: object) -> int | str:
    if name == "why":
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadOrder(f"why must be the number of a question, not {value!r}")
        return value
    text = value if isinstance(value, str) else None  # as it is: a test's name may hold any blanks
    if text is None or not (text.strip() or name == "text"):  # an empty text takes an answer back
        raise BadOrder(f"{action} needs {name}, a text")
    if len(text) > LONGEST_REASON and action not in ("answer", "name_test"):  # `core.incident` has limits of its own
        raise BadOrder(f"{name} has {len(text)} characters; at most {LONGEST_REASON} fit")
    return text


def _until(value: object, now: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadOrder(f"until must be a moment in seconds since the epoch, not {value!r}")
    if value <= now:
        raise BadOrder(f"until lies {now - value:.0f} seconds in the past")
    return float(value)


def _priority(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadOrder(f"min_priority must be a whole number of at least 0, not {value!r}")
    return value


def _expect(value: object) -> int | str | None:
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return value
    raise BadOrder(f"expect must be a version or a state, not {value!r}")


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
        return tx.rollouts.update(replace(rollout, promoted=f"{rollout.stage}: by {order.by}: {order.reason}"))

    engine.events.rollout_changed(await engine.store.transact(run))
    engine.wake()


def promotable(rollout: Rollout) -> bool:
    """Whether a stage is watched, and nobody has ended that yet."""
    return rollout.state is RolloutState.WATCHING and not promoted(rollout, rollout.stage)


def promoted(rollout: Rollout, stage: str) -> str:
    """Who ended this stage's watch early, and why; empty if nobody did."""
    return rollout.promoted.removeprefix(f"{stage}: ") if rollout.promoted.startswith(f"{stage}: ") else ""


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


def as_seen(order: Order, what: str, version: int, state: str) -> None:
    """Raises OutOfDate if the caller saw something else than there is."""
    if order.expect is None or order.expect == (version if isinstance(order.expect, int) else state):
        return
    saw = f"version {order.expect}" if isinstance(order.expect, int) else order.expect
    raise OutOfDate(f"{what} is {state} now (version {version}), not {saw} as you saw it: look again")
