# SPDX-License-Identifier: GPL-2.0-only
"""Asks a Prometheus server (or one that speaks its query API) for the current value of each metric."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet import defer

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import Fetcher, printable
from buildbot_cd.sources.snapshot import HostAddress, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CLOCK_EVERY = 60.0
_CLOCKS_AGREE = 1.0
"""Seconds that two clocks may differ: a scrape interval is longer than that, and the question itself takes time."""


class PrometheusSource:
    """One instant query per metric; the label `label` of each series says which host it belongs to.

    url: of the server, without /api. queries: metric name -> PromQL. A series belongs to the host for which `value`,
    filled in, is the label's value; else to the host whose name or address it is, with or without a port. Several
    series of a host are summed. timeout: seconds per query. lag: seconds before the server's present that are asked
    for, so that what is scraped late is in. The server's clock counts, not ours: it is asked for once a minute.
    Raises SourceError when `url` is none.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        queries: Mapping[str, str],
        *,
        label: str = "instance",
        value: str = "{address}",
        lag: float = 0.0,
        timeout: float = 5.0,
        max_bytes: int = 16 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise SourceError(f"prometheus: {url!r} is no URL; write it like http://127.0.0.1:9090")
        self._endpoint = url.rstrip("/") + "/api/v1/query"
        self._queries, self._label, self._timeout, self._clock = dict(queries), label, timeout, clock
        self._value, self._lag = value, lag
        self._ahead, self._asked = 0.0, -math.inf
        self._fetcher = Fetcher(reactor, timeout=timeout, max_bytes=max_bytes)

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All metrics of all hosts at one moment. SourceError when the server fails or refuses any query."""
        await self._set_clock()
        taken = self._clock() - self._lag
        owners = self._owners(hosts)
        running = [defer.Deferred.fromCoroutine(self._query(name, taken + self._ahead)) for name in self._queries]
        try:
            answers = await defer.gatherResults(running, consumeErrors=True)
        except defer.FirstError as first:
            problem: Any = first.subFailure.value
            raise problem from None
        values: dict[str, dict[str, float]] = {}
        errors: dict[str, str] = {}
        for name, series in zip(self._queries, answers, strict=True):
            self._sort_in(name, series, owners, values, errors)
        for host in hosts:
            if host.name not in values and host.name not in errors:
                errors[host.name] = f"no series whose label {self._label} names this host"
        return Snapshot(taken, {host: values[host] for host in values if host not in errors}, errors)

    async def close(self) -> None:
        """Close the kept connections."""
        await self._fetcher.close()

    async def _set_clock(self) -> None:
        """Ask how far the server's clock is ahead of ours; a server that cannot tell is taken to agree."""
        before = self._clock()
        if before - self._asked < _CLOCK_EVERY:
            return
        _, body = await self._fetcher.get(self._endpoint, [("query", "time()")])
        self._asked = before
        try:
            data = json.loads(body)["data"]
            told = float(data["result"][1]) if data["resultType"] == "scalar" else math.nan
        except (ValueError, TypeError, KeyError, IndexError):
            told = math.nan
        away = told - (before + self._clock()) / 2
        self._ahead = away if abs(away) > _CLOCKS_AGREE else 0.0

    def _owners(self, hosts: Sequence[HostAddress]) -> dict[str, str]:
        by_address = {host.address: host.name for host in hosts}
        by_value = {host.fill(self._value): host.name for host in hosts}
        return {**by_address, **{host.name: host.name for host in hosts}, **by_value}

    async def _query(self, name: str, when: float) -> list[tuple[str, float]]:
        params = [("query", self._queries[name]), ("time", f"{when:.3f}"), ("timeout", f"{self._timeout:g}s")]
        status, body = await self._fetcher.get(self._endpoint, params)
        try:
            answer = json.loads(body)
            if answer["status"] != "success":
                kind, words = answer.get("errorType", "error"), answer.get("error", "")
                raise SourceError(f"metric {name}: Prometheus says {printable(str(kind))}: {printable(str(words))}")
            return _series(name, answer["data"], self._label)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as problem:
            shown = printable(body.decode("utf-8", "replace"), 120)
            message = f"metric {name}: {self._endpoint} gave status {status} and no query result: {shown}"
            raise SourceError(message) from problem

    def _sort_in(
        self,
        name: str,
        series: Sequence[tuple[str, float]],
        owners: Mapping[str, str],
        values: dict[str, dict[str, float]],
        errors: dict[str, str],
    ) -> None:
        for label, value in series:
            host = owners.get(label) or owners.get(_without_port(label))
            if host is None:
                continue
            if not math.isfinite(value):
                errors[host] = f"metric {name} is {value}, which is no usable number"
                continue
            named = values.setdefault(host, {})
            named[name] = named.get(name, 0.0) + value


def _series(metric: str, data: Mapping[str, Any], label: str) -> list[tuple[str, float]]:
    if data["resultType"] != "vector":
        raise SourceError(
            f"metric {metric}: the query gives a {printable(str(data['resultType']))}, not one number a host"
        )
    found = [(item["metric"].get(label), float(item["value"][1])) for item in data["result"]]
    if found and all(value is None for value, _ in found):
        raise SourceError(
            f"metric {metric}: no series has the label {label}; keep it in the query: sum by ({label}) (...)"
        )
    return [(str(value), number) for value, number in found if value is not None]


def _without_port(label: str) -> str:
    head, colon, port = label.rpartition(":")
    return head.strip("[]") if colon and port.isdigit() else label
