# SPDX-License-Identifier: GPL-2.0-only
"""Reads numbers out of JSON: one page for the whole fleet, or one for each host."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet import defer

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import Fetcher, printable
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, names_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class JsonSource:
    """Each metric is a JSON pointer (RFC 6901) to a number, such as ``/hosts/{name}/errors``.

    url: with ``{name}`` or ``{address}`` a page of each host, without them one page whose pointers name the host. What
    a pointer does not find is left out for that host. timeout: seconds a page. Raises SourceError for a URL or a
    pointer that cannot be one.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        pointers: Sequence[str],
        *,
        concurrency: int = 50,
        timeout: float = 4.0,
        max_bytes: int = 16 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(HostAddress("n", "a").fill(url))
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise SourceError(f"json: {url!r} is no URL; write it like http://metrics.example.org/fleet.json")
        self._url, self._clock, self._each = url, clock, names_host(url)
        for pointer in pointers:
            _check(pointer, each=self._each)
        self._pointers = tuple(pointers)
        self._fetcher = Fetcher(reactor, timeout=timeout, max_bytes=max_bytes)
        self._slots = defer.DeferredSemaphore(concurrency)

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All hosts at one moment. SourceError when the page of the whole fleet cannot be used."""
        taken = self._clock()
        if not self._each:
            page = await self._page(self._url)
            found: list[dict[str, float] | str] = [self._pick(page, host) for host in hosts]
        else:
            found = await defer.gatherResults([self._slots.run(self._started, host) for host in hosts])
        values = {host.name: one for host, one in zip(hosts, found, strict=True) if not isinstance(one, str)}
        errors = {host.name: one for host, one in zip(hosts, found, strict=True) if isinstance(one, str)}
        return Snapshot(taken, values, errors)

    async def close(self) -> None:
        """Close the kept connections."""
        await self._fetcher.close()

    def _started(self, host: HostAddress) -> defer.Deferred[dict[str, float] | str]:
        return defer.Deferred.fromCoroutine(self._host(host))

    async def _host(self, host: HostAddress) -> dict[str, float] | str:
        try:
            return self._pick(await self._page(host.fill(self._url)), host)
        except SourceError as problem:
            return str(problem)

    async def _page(self, url: str) -> Any:
        status, body = await self._fetcher.get(url)
        if status != 200:
            raise SourceError(f"{url} answered {status}: {printable(body.decode('utf-8', 'replace'), 120)}")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise SourceError(f"{url} is no JSON: {printable(str(problem))}") from None

    def _pick(self, page: Any, host: HostAddress) -> dict[str, float] | str:
        found = {}
        for pointer in self._pointers:
            value = follow(page, pointer, host)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return f"{pointer} is {printable(repr(value), 60)}, which is no usable number"
            found[pointer] = float(value)
        return found or "none of the pointers leads to a number of this host"


def follow(page: Any, pointer: str, host: HostAddress) -> Any:
    """What the pointer leads to, None if it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = host.fill(part.replace("~1", "/").replace("~0", "~"))
        if isinstance(page, dict) and key in page:
            page = page[key]
        elif isinstance(page, list) and key.isdecimal() and int(key) < len(page):
            page = page[int(key)]
        else:
            return None
    return page


def _check(pointer: str, *, each: bool) -> None:
    if not pointer.startswith("/"):
        raise SourceError(f"json: {pointer!r} is no JSON pointer; write it like /hosts/{{name}}/errors")
    if not each and not names_host(pointer):
        raise SourceError(
            f"json: {pointer!r} is the same for every host; put {{name}} or {{address}} into it or the URL"
        )
