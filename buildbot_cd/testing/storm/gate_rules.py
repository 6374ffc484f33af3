# SPDX-License-Identifier: GPL-2.0-only
"""The gate's promises about order, candidates, caps and freezes, held against what a storm's master has recorded.

Each function raises AssertionError that says what does not hold. Times are seconds since the epoch; ``transitions`` are
a landing's (before, after, at), oldest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Transitions = Mapping[int, Sequence[tuple[str | None, str, float]]]

ADMITTED = frozenset({"preparing", "testing"})
"""Where a queued landing comes when it is let in."""

ENTRIES = frozenset({("queued", "preparing"), ("queued", "testing"), ("passed", "deploying")})
"""What a closed gate lets nobody do."""


class Candidate(NamedTuple):
    """What was tested for a landing: the files of changes in it, and when its checks were asked for."""

    landing: int
    at: float
    files: frozenset[str]


class Mark(NamedTuple):
    """A move of ``tested`` or ``live`` to another revision; ``old`` is None for the first."""

    name: str
    old: str | None
    new: str
    at: float


class Freeze(NamedTuple):
    """From when the gate was known to be closed until somebody began to open it; ``shown``: by a new master too."""

    begin: float
    end: float
    shown: bool


class Taken(NamedTuple):
    """Whose landing was reverted, and why: test, deploy, dependent, ...; ``cause``: along with another one."""

    engineer: str
    kind: str
    cause: int | None


def marks_move_forward(marks: Iterable[Mark], transitions: Transitions, follows: Callable[[str, str], bool]) -> int:
    """S4: tested and live move to what follows; back goes only tested, when production fails. How many moved back.

    ``follows(old, new)`` tells whether a revision holds all changes of another.
    """
    failures = {at for moves in transitions.values() for _, after, at in moves if after == "rolling_back"}
    back = 0
    for mark in marks:
        if mark.old is None or follows(mark.old, mark.new):
            continue
        fell = mark.name == "tested" and mark.at in failures and follows(mark.new, mark.old)
        assert fell, f"{mark.name} went from {mark.old} to {mark.new} without cause"
        back += 1
    return back


def candidates_hold_what_passed(
    candidates: Iterable[Candidate], transitions: Transitions, files: Mapping[int, str], always: frozenset[str]
) -> None:
    """S8: a candidate is what had passed and stayed when its landing was admitted, and that landing; nothing else."""
    for one in candidates:
        admitted = max(
            at
            for before, after, at in transitions[one.landing]
            if before == "queued" and after in ADMITTED and at <= one.at
        )
        inside = {other for other, moves in transitions.items() if other != one.landing and _stood(moves, admitted)}
        wanted = always | {files[other] for other in inside | {one.landing}}
        assert one.files == wanted, f"landing {one.landing} was tested with {sorted(one.files ^ wanted)} amiss"


def _stood(moves: Sequence[tuple[str | None, str, float]], at: float) -> bool:
    """Whether a landing was part of ``tested`` at a time: it had entered production and was not taken out of it."""
    last = [after for _, after, when in moves if when <= at and after in ("deploying", "rolling_back", "queued")]
    return bool(last) and last[-1] == "deploying"


def first_come_first_served(transitions: Transitions, priorities: Mapping[int, int]) -> None:
    """S10: whoever is admitted comes before all that wait, by priority and then by arrival."""
    waits = [
        (landing, begin, end)
        for landing, moves in transitions.items()
        for (_, state, begin), (_, after, end) in pairwise(moves)
        if state == "queued" and after in ADMITTED
    ]
    for landing, begin, end in waits:
        mine = (-priorities[landing], landing)
        passed_over = [
            other
            for other, since, until in waits
            if other != landing and since < end < until and (-priorities[other], other) < mine
        ]
        assert not passed_over, f"landing {landing}, queued at {begin}, was admitted before {passed_over}"


def caps_hold(transitions: Transitions, taken: Mapping[int, Taken], per_hour: int, per_engineer: int) -> int:
    """S14: no revert of the gate's own judgement begins above the caps, but after a person has looked. How many did."""
    counted = {one: what for one, what in taken.items() if what.kind in ("test", "deploy") and what.cause is None}
    done = [(at, one) for one in counted for _, after, at in transitions[one] if after == "reverted"]
    looked = 0
    for landing, what in counted.items():
        for before, after, at in transitions[landing]:
            if after != "reverting":
                continue
            if before == "halted":
                looked += 1
                continue
            recent = Counter(counted[one].engineer for when, one in done if at - 3600.0 < when < at)
            over = recent.total() >= per_hour or recent[what.engineer] >= per_engineer
            assert not over, f"landing {landing} was reverted after {recent} within the hour"
    return looked


def freezes_hold(transitions: Transitions, freezes: Iterable[Freeze]) -> None:
    """S15: a freeze outlives the master, and while it lasts nobody is admitted and nothing enters production."""
    entries = [
        (landing, after, at)
        for landing, moves in transitions.items()
        for before, after, at in moves
        if (before, after) in ENTRIES
    ]
    for freeze in freezes:
        assert freeze.shown, f"the freeze of {freeze.begin} was not known to the next master"
        against = [one for one in entries if freeze.begin < one[2] < freeze.end]
        assert not against, f"{against} in the freeze from {freeze.begin} to {freeze.end}"
