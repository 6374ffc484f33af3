# SPDX-License-Identifier: GPL-2.0-only
"""Asks Graphite's render API, of Graphite itself or of what speaks it, for the series of each host."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import Fetcher, printable
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, names_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BACK = 300.0
"""Seconds of a series that are asked for: what came late is still seen, and counted once."""

Points = list[tuple[float, float]]


class GraphiteSource:
    """Each metric is a target with ``{name}`` or ``{address}`` in it, such as ``servers.{name}.http.errors``.

    url: of the server, without /render. counts: targets whose points are numbers of events within their interval, as
    StatsD writes them: they are added up here, each point once, so that they grow like counters. Of the others the
    newest point counts. lag: seconds before now that are left out, since the newest point may still change. timeout:
    seconds for the answer. Raises SourceError for a URL or target that cannot be one.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        targets: Sequence[str],
        counts: Sequence[str] = (),
        *,
        lag: float = 0.0,
        timeout: float = 4.0,
        max_bytes: int = 16 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise SourceError(f"graphite: {url!r} is no URL; write it like http://graphite.example.org")
        for target in targets:
            if not names_host(target):
                raise SourceError(
                    f"graphite: {target!r} is the same for every host; put {{name}} or {{address}} into it"
                )
        self._endpoint = url.rstrip("/") + "/render"
        self._targets, self._counts = tuple(targets), frozenset(counts)
        self._lag, self._clock = lag, clock
        self._book: dict[tuple[str, str], _Sum] = {}
        self._fetcher = Fetcher(reactor, timeout=timeout, max_bytes=max_bytes)

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All hosts at one moment. SourceError when the server fails."""
        taken = self._clock()
        until = taken - self._lag
        asked = {
            f"{number}:{place}": (target, host)
            for place, target in enumerate(self._targets)
            for number, host in enumerate(hosts)
        }
        series = await self._render(asked, until)
        values: dict[str, dict[str, float]] = {}
        for alias, (target, host) in asked.items():
            number = self._number(target, host.name, [p for p in series.get(alias, []) if p[0] <= until])
            if number is not None:
                values.setdefault(host.name, {})[target] = number
        errors = {h.name: "Graphite has no fresh point of this host" for h in hosts if h.name not in values}
        return Snapshot(taken, values, errors)

    async def close(self) -> None:
        """Close the kept connections."""
        await self._fetcher.close()

    def _number(self, target: str, host: str, points: Points) -> float | None:
        if target not in self._counts:
            return points[-1][1] if points else None
        book = self._book.setdefault((target, host), _Sum())
        return book.add(points) if points else None

    async def _render(self, asked: dict[str, tuple[str, HostAddress]], until: float) -> dict[str, Points]:
        params = [("format", "json"), ("from", f"{until - _BACK:.0f}"), ("until", f"{until:.0f}"), ("noCache", "1")]
        # An alias tells whose series it is, whatever functions the target holds.
        params += [("target", f'alias({host.fill(target)},"{alias}")') for alias, (target, host) in asked.items()]
        status, body = await self._fetcher.post(self._endpoint, params)
        try:
            if status != 200:
                raise ValueError(status)
            return {str(one["target"]): list(_points(one["datapoints"])) for one in json.loads(body)}
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as problem:
            shown = printable(body.decode("utf-8", "replace"), 120)
            raise SourceError(f"{self._endpoint} gave status {status} and no series: {shown}") from problem


class _Sum:
    """Adds points up, each once: one that comes late is added when it comes, one that comes again is not."""

    def __init__(self) -> None:
        self._seen: dict[float, float] = {}
        self._total = 0.0

    def add(self, points: Points) -> float:
        for at, value in points:
            if value < 0:
                continue
            if value > self._seen.get(at, 0.0) or at not in self._seen:
                self._total += value - self._seen.get(at, 0.0)
                self._seen[at] = value
        oldest = points[0][0]
        self._seen = {at: value for at, value in self._seen.items() if at >= oldest}
        return self._total


def _points(rows: Any) -> Iterator[tuple[float, float]]:
    for value, at in rows:
        if value is not None and math.isfinite(float(value)):
            yield float(at), float(value)
