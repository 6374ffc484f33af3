# SPDX-License-Identifier: GPL-2.0-only
"""What people may order, and an order as it is read from the parameters of a call."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import CdError, ControlRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def as_seen(order: Order, what: str, version: int, state: str) -> None:
    """Raises OutOfDate if the caller saw something else than there is."""
    if order.expect is None or order.expect == (version if isinstance(order.expect, int) else state):
        return
    saw = f"version {order.expect}" if isinstance(order.expect, int) else order.expect
    raise OutOfDate(f"{what} is {state} now (version {version}), not {saw} as you saw it: look again")
