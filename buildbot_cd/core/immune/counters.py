# SPDX-License-Identifier: GPL-2.0-only
"""From cumulated counters to what happened within an interval."""

from __future__ import annotations

from collections.abc import Mapping

Counters = Mapping[str, float]


class CounterBook:
    """Remembers the last value of each host's counters and gives the increments since.

    A missed reading loses nothing: the next increment spans the gap, for all of a host's counters alike. When one
    counter of a host goes backwards or vanishes, its process was restarted, and all its counters began again at 0: even
    one that has already passed its old value. A counter that appears on a known host was born at 0.
    """

    def __init__(self) -> None:
        self._last: dict[str, dict[str, float]] = {}

    def advance(self, readings: Mapping[str, Counters]) -> dict[str, dict[str, float]]:
        """Increments per host since the last call; a host seen for the first time has none yet.

        Only hosts that answered belong in `readings`. Values must be finite and at least 0, else ValueError.
        """
        result = {}
        for host in sorted(readings):
            now = dict(readings[host])
            for name, value in now.items():
                if not 0 <= value < float("inf"):
                    raise ValueError(f"host {host}: counter {name} is {value!r}, which no counter can be")
            if host in self._last:
                result[host] = increments(self._last[host], now)
            self._last[host] = now
        return result


def increments(before: Counters, after: Counters) -> dict[str, float]:
    """What was added between two readings of one process's counters, never negative."""
    restarted = any(name not in after or after[name] < value for name, value in before.items())
    return {name: value if restarted else value - before.get(name, 0.0) for name, value in after.items()}
