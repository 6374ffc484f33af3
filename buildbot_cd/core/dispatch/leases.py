# SPDX-License-Identifier: GPL-2.0-only
"""How long a claim holds, when a worker counts as late, and which of its tests another one should run too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

GRACE = 60.0
"""Seconds that a claim holds beyond what its tests may take, and after each sign of life."""
BEAT = 20.0
"""Seconds between signs of life."""
PATIENCE = 5.0
"""Seconds after which a shard asks again while all that is left waits for tests that run elsewhere."""
CRASHES = 2
"""So many runners died in a test: it has failed."""
HUNG_FACTOR = 10.0
HUNG_LEAST = 600.0
LATE_FACTOR = 2.0
LATE_LEAST = 10.0


class Held(NamedTuple):
    """A claimed test: its estimate, and the seconds since its worker was seen to begin it, None if it was not.

    ``waits`` for another test that somebody holds.
    """

    nid: str
    worker: str
    seconds: float
    running: float | None = None
    group: str | None = None
    copied: bool = False
    waits: bool = False


def lease(seconds: float) -> float:
    """How long a claim of tests that are expected to take ``seconds`` holds without a sign of life."""
    return 3 * seconds + GRACE


def hung(expected: float, running: float) -> bool:
    """Whether a test that runs for so long should not be waited for: ten times its estimate, and ten minutes."""
    return running > max(HUNG_FACTOR * expected, HUNG_LEAST)


def to_copy(asker: str, held: Sequence[Held]) -> str | None:
    """The test that an idle worker should run too, its first result counts; None if nobody is late.

    A worker is late if a test of its runs for twice its estimate and ten seconds more. What it has not begun goes
    before what it runs. Not copied are tests of a group, which share something that must not be used twice at once, and
    what waits for tests that are not done.
    """
    late = {
        one.worker
        for one in held
        if one.running is not None and one.running > LATE_FACTOR * one.seconds + LATE_LEAST and one.worker != asker
    }
    free = [one for one in held if one.worker in late and not one.copied and not one.waits and one.group is None]
    if not free:
        return None
    return min(free, key=lambda one: (one.running is not None, -one.seconds, one.nid)).nid
