# SPDX-License-Identifier: GPL-2.0-only
"""From what the hosts say (names and numbers) to the intervals that a judge takes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.immune.counters import CounterBook
from buildbot_cd.core.immune.interval import Interval, Level, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class MetricInput:
    """Where a metric's numbers come from: a counter of `events` `per` another counter, or the gauge `value`.

    Without `per` the exposure is the time in seconds. absent_is_zero: a host that does not export `events` had none; by
    default that holds only once some host has exported it, so that a misspelt name does not pass as a quiet metric.
    """

    metric: str
    events: str = ""
    per: str = ""
    value: str = ""
    absent_is_zero: bool = False

    def __post_init__(self) -> None:
        if bool(self.events) == bool(self.value):
            raise ValueError(f"metric {self.metric}: give either events or value")

    @property
    def counters(self) -> tuple[str, ...]:
        """The cumulated counters among its sources."""
        return tuple(name for name in (self.events, self.per) if name)


class IntervalBuilder:
    """Turns the readings of one source, one after the other, into intervals.

    The first reading of a host only sets its mark. Keep one builder from the baseline window through the whole watch;
    one that takes over after a restart goes on numbering from `last_number`. A host with a counter that is negative or
    not a number is taken as one that did not answer.
    """

    def __init__(self, inputs: Sequence[MetricInput], last_number: int = 0) -> None:
        self._inputs = tuple(inputs)
        self._counters = {name for item in inputs for name in item.counters}
        self._book = CounterBook()
        self._times: dict[str, float] = {}
        self._exported: set[str] = set()
        self._number = last_number

    def add(self, time: float, values: Mapping[str, Mapping[str, float]], provider_error: str = "") -> Interval:
        """The interval that ends with these readings.

        time: seconds since the epoch. values: per host that answered, its numbers by name. provider_error: why there
        are none at all.
        """
        values = {host: named for host, named in values.items() if self._possible(named)}
        for named in values.values():
            self._exported.update(named)
        kept = {h: {n: v for n, v in named.items() if n in self._counters} for h, named in values.items()}
        added = self._book.advance(kept)
        spans = {host: time - self._times[host] for host in added if host in self._times}
        self._times.update(dict.fromkeys(values, time))
        self._number += 1
        counts = {i.metric: self._readings(i, added, spans) for i in self._inputs if i.events}
        levels = {i.metric: _levels(i, values) for i in self._inputs if i.value}
        return Interval(self._number, time, counts, levels, frozenset(values), provider_error)

    def _possible(self, named: Mapping[str, float]) -> bool:
        return all(0 <= named[name] < float("inf") for name in self._counters & named.keys())

    def _readings(
        self, item: MetricInput, added: Mapping[str, Mapping[str, float]], spans: Mapping[str, float]
    ) -> tuple[Reading, ...]:
        if item.events not in self._exported and not item.absent_is_zero:
            return ()
        result = []
        for host, counters in added.items():
            exposure = counters.get(item.per) if item.per else max(0.0, spans[host])
            if exposure is not None:
                result.append(Reading(host, counters.get(item.events, 0.0), exposure))
        return tuple(result)


def _levels(item: MetricInput, values: Mapping[str, Mapping[str, float]]) -> tuple[Level, ...]:
    found = ((host, named.get(item.value)) for host, named in values.items())
    return tuple(Level(host, value) for host, value in found if value is not None and abs(value) < float("inf"))
