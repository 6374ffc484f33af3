# SPDX-License-Identifier: GPL-2.0-only
"""What is observed: one interval of the watch, the same moment on every host."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Reading:
    """`events` that happened on `host` among `exposure` (requests, seconds, ...) within one interval."""

    host: str
    events: float
    exposure: float

    def __post_init__(self) -> None:
        for name, value in (("events", self.events), ("exposure", self.exposure)):
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"host {self.host}: {name} of an interval must be at least 0, not {value!r}")


@dataclass(frozen=True, slots=True)
class Level:
    """The value of a gauge on `host` at the end of one interval."""

    host: str
    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"host {self.host}: a level must be a finite number, not {self.value!r}")


@dataclass(frozen=True, slots=True)
class Interval:
    """All that was seen of the fleet in one interval.

    number: position in the watch, strictly growing. time: end of the interval, seconds since the epoch. answered: the
    hosts whose metrics could be read at all, whatever they said. provider_error: why nothing could be read, if so.
    Readings are kept sorted by host, so that their order on arrival cannot change a verdict by a rounding.
    """

    number: int
    time: float
    counts: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    levels: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()
    provider_error: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", {name: _sorted(name, self.counts[name]) for name in sorted(self.counts)})
        object.__setattr__(self, "levels", {name: _sorted(name, self.levels[name]) for name in sorted(self.levels)})

    def of(self, hosts: Collection[str]) -> Interval:
        """The same moment on these hosts alone."""
        return replace(
            self,
            counts={n: tuple(r for r in rs if r.host in hosts) for n, rs in self.counts.items()},
            levels={n: tuple(v for v in vs if v.host in hosts) for n, vs in self.levels.items()},
            answered=self.answered & frozenset(hosts),
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; floats survive exactly."""
        return {
            "number": self.number,
            "time": self.time,
            "counts": {n: [[r.host, r.events, r.exposure] for r in rs] for n, rs in self.counts.items()},
            "levels": {n: [[v.host, v.value] for v in vs] for n, vs in self.levels.items()},
            "answered": sorted(self.answered),
            "provider_error": self.provider_error,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Interval:
        """The inverse of `to_json`."""
        return cls(
            number=data["number"],
            time=data["time"],
            counts={n: tuple(Reading(*r) for r in rs) for n, rs in data["counts"].items()},
            levels={n: tuple(Level(*v) for v in vs) for n, vs in data["levels"].items()},
            answered=frozenset(data["answered"]),
            provider_error=data["provider_error"],
        )


_Item = TypeVar("_Item", Reading, Level)


def _sorted(metric: str, items: Iterable[_Item]) -> tuple[_Item, ...]:
    ordered = tuple(sorted(items, key=lambda item: item.host))
    for first, second in pairwise(ordered):
        if first.host == second.host:
            raise ValueError(f"metric {metric}: host {first.host} is there twice in one interval")
    return ordered
