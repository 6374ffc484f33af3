# SPDX-License-Identifier: GPL-2.0-only
"""Reads the past out of a Prometheus server: the same queries, at evenly spaced moments."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import Fetcher, printable
from buildbot_cd.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.sources.snapshot import HostAddress

_POINTS = 5000
"""Moments a request; the server refuses more than 11,000."""

Series = list[tuple[dict[str, str], list[tuple[float, float]]]]


class PrometheusRange:
    """Range queries. url: of the server, without /api. timeout: seconds a request."""

    def __init__(self, reactor: Any, url: str, *, timeout: float = 60.0, max_bytes: int = 256 << 20) -> None:
        self._endpoint = url.rstrip("/") + "/api/v1/query_range"
        self._fetcher = Fetcher(reactor, timeout=timeout, max_bytes=max_bytes)

    async def series(self, query: str, start: float, end: float, step: float) -> Series:
        """All series of a query from start to end (seconds since the epoch): labels, and (time, value) of each."""
        found: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        at = start
        while at <= end:
            until = min(end, at + (_POINTS - 1) * step)
            for labels, points in await self._part(query, at, until, step):
                found.setdefault(tuple(sorted(labels.items())), []).extend(points)
            at = until + step
        return [(dict(labels), points) for labels, points in found.items()]

    async def snapshots(
        self,
        queries: Mapping[str, str],
        owners: Mapping[str, str],
        label: str,
        span: tuple[float, float],
        step: float,
    ) -> list[Snapshot]:
        """What `PrometheusSource` would have read in that time. owners: value of `label` -> host's name."""
        by_time: dict[float, dict[str, dict[str, float]]] = {}
        for name, query in queries.items():
            for labels, points in await self.series(query, *span, step):
                host = owners.get(labels.get(label, ""))
                if host is None:
                    continue
                for at, value in points:
                    if math.isfinite(value):
                        named = by_time.setdefault(at, {}).setdefault(host, {})
                        named[name] = named.get(name, 0.0) + value
        return [Snapshot(at, by_time[at]) for at in sorted(by_time)]

    async def close(self) -> None:
        """Close the kept connections."""
        await self._fetcher.close()

    async def _part(self, query: str, start: float, end: float, step: float) -> Series:
        fields = [("query", query), ("start", f"{start:.3f}"), ("end", f"{end:.3f}"), ("step", f"{step:g}")]
        status, body = await self._fetcher.post(self._endpoint, fields)
        try:
            answer = json.loads(body)
            if answer["status"] != "success":
                raise SourceError(
                    f"Prometheus says {printable(str(answer.get('error', '')))} of {printable(query, 80)}"
                )
            return [
                ({str(k): str(v) for k, v in one["metric"].items()}, [(float(t), float(v)) for t, v in one["values"]])
                for one in answer["data"]["result"]
            ]
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            shown = printable(body.decode("utf-8", "replace"), 120)
            raise SourceError(f"{self._endpoint} gave status {status} and no series: {shown}") from problem


def owners_of(hosts: Sequence[HostAddress], value: str) -> dict[str, str]:
    """The value of the label -> the host's name, as cd.yaml's ``host_value`` says; names and addresses count too."""
    plain = {one.address: one.name for one in hosts} | {one.name: one.name for one in hosts}
    return plain | {one.fill(value): one.name for one in hosts}
