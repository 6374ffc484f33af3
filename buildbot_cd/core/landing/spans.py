# SPDX-License-Identifier: GPL-2.0-only
"""How long a landing was in each stage, from its history; and what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from buildbot_cd.core.landing.values import Transition

FEWEST = 5
"""With fewer landings to learn from there is no estimate."""

_IN_TEST = frozenset({State.PREPARING, State.TESTING, State.PASSED})
_TAKEN_BACK = frozenset({State.ROLLING_BACK, State.REVERTING})


@dataclass(frozen=True, slots=True)
class Spans:
    """Seconds of one landing; None where it did not go that way, or is not through.

    ``wait``: from the push to the test slot. ``test``: from there to passed. ``deploy``: from deploying to the whole
    fleet. ``lead``: from the push to live. ``restore``: from the decision to roll back to the last host being back.
    ``revert``: from the decision to take it back to the end of that. A landing that was tested again counts with its
    last time in test.
    """

    wait: float | None = None
    test: float | None = None
    deploy: float | None = None
    lead: float | None = None
    restore: float | None = None
    revert: float | None = None


def spans(history: Sequence[Transition]) -> Spans:
    """The stages of one landing from its transitions, oldest first."""
    found: dict[str, float] = {}
    marks: dict[str, float] = {}
    for line in history:
        _enter(line, marks, found)
        _leave(line, marks, found)
    return Spans(**found)


def _enter(line: Transition, marks: dict[str, float], found: dict[str, float]) -> None:
    if line.before is None:
        marks["pushed"] = line.at
    if line.before is State.QUEUED and line.after in _IN_TEST:
        marks["test"] = line.at
        found.setdefault("wait", line.at - marks.get("pushed", line.at))
    if line.after is State.DEPLOYING and line.before is State.PASSED:
        marks["deploy"] = line.at
    if line.after in _TAKEN_BACK:
        marks.setdefault("revert", line.at)
    if line.after is State.ROLLING_BACK:
        marks["restore"] = line.at


def _leave(line: Transition, marks: dict[str, float], found: dict[str, float]) -> None:
    ends = {State.PASSED: ("test",), State.LIVE: ("deploy",), State.REVERTED: ("revert",)}
    for name in ends.get(line.after, ()):
        if name in marks:
            found[name] = line.at - marks[name]
    if line.after is State.SETTLING and "deploy" in marks:
        found["deploy"] = line.at - marks.pop("deploy")
    if line.after is State.LIVE and "pushed" in marks:
        found["lead"] = line.at - marks["pushed"]
    if line.before is State.ROLLING_BACK and line.after is not State.HALTED and "restore" in marks:
        found["restore"] = line.at - marks["restore"]


@dataclass(frozen=True, slots=True)
class Usual:
    """What the last landings took in each stage: seconds, sorted."""

    test: tuple[float, ...] = ()
    deploy: tuple[float, ...] = ()
    revert: tuple[float, ...] = ()


def usual(histories: Iterable[Sequence[Transition]]) -> Usual:
    """From the histories of landings that have ended."""
    all_spans = [spans(one) for one in histories]
    return Usual(
        test=tuple(sorted(one.test for one in all_spans if one.test is not None)),
        deploy=tuple(sorted(one.deploy for one in all_spans if one.deploy is not None)),
        revert=tuple(sorted(one.revert for one in all_spans if one.revert is not None)),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value under which ``share`` of the sorted values (one at least) lie; in proportion between neighbours."""
    place = share * (len(ordered) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    return low + (high - low) * (place - floor(place))
