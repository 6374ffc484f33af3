# SPDX-License-Identifier: GPL-2.0-only
"""Which tests idle workers should run again: those that nobody has looked at for long, and that cost little."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Aged(NamedTuple):
    """A test of ``seconds`` that last passed at ``at`` (seconds since the epoch); ``weight``: how often it fails."""

    nid: str
    seconds: float
    at: float
    weight: float = 1.0


def stalest(tests: Iterable[Aged], now: float, seconds: float) -> list[str]:
    """At most so many seconds of tests, best first: age times weight for each second that it takes.

    One test is always given, however long it is, so that long ones have their turn too.
    """
    ordered = sorted(tests, key=lambda one: (-max(now - one.at, 0.0) * one.weight / max(one.seconds, 0.001), one.nid))
    chosen: list[str] = []
    left = seconds
    for test in ordered:
        if not chosen or test.seconds <= left:
            chosen.append(test.nid)
            left -= test.seconds
    return chosen
