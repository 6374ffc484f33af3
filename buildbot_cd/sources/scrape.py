# SPDX-License-Identifier: GPL-2.0-only
"""Reads each host's own metrics page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twisted.internet import defer

from buildbot_cd.core.immune.selectors import parse_selector
from buildbot_cd.errors import SourceError
from buildbot_cd.sources.exposition import parse
from buildbot_cd.sources.http import Fetcher, printable
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, names_host

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


class ScrapeSource:
    """GETs `template` for every host, `{address}`, `{name}` and `{role}` filled in, many at a time.

    wanted: selectors of samples to keep, each the key of its own sum (none: all names). timeout: seconds per host.
    max_bytes: size of a page. clock: seconds since the epoch. Raises SourceError when the template is no http URL with
    a host in it, or a selector is none.
    """

    def __init__(
        self,
        reactor: Any,
        template: str,
        wanted: Collection[str] = (),
        *,
        concurrency: int = 50,
        timeout: float = 2.0,
        max_bytes: int = 4 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._template, self._clock = template, clock
        _check(template)
        try:
            self._wanted = {text: parse_selector(text) for text in wanted}
        except ValueError as problem:
            raise SourceError(f"scrape: {problem}") from None
        self._fetcher = Fetcher(reactor, timeout=timeout, max_bytes=max_bytes)
        self._slots = defer.DeferredSemaphore(concurrency)

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """One page of every host. Hosts that do not answer are in `errors`; this never raises for them."""
        taken = self._clock()
        waiting = [self._slots.run(self._started, host) for host in hosts]
        answers = await defer.gatherResults(waiting)
        values = {host.name: found for host, found in zip(hosts, answers, strict=True) if not isinstance(found, str)}
        errors = {host.name: found for host, found in zip(hosts, answers, strict=True) if isinstance(found, str)}
        return Snapshot(taken, values, errors)

    async def close(self) -> None:
        """Close the kept connections."""
        await self._fetcher.close()

    def _started(self, host: HostAddress) -> defer.Deferred[dict[str, float] | str]:
        return defer.Deferred.fromCoroutine(self._host(host))

    async def _host(self, host: HostAddress) -> dict[str, float] | str:
        url = host.fill(self._template)
        try:
            status, body = await self._fetcher.get(url)
            if status != 200:
                return f"{url} answered {status}: {printable(body.decode('utf-8', 'replace'), 120)}"
            return parse(body, self._wanted)
        except SourceError as problem:
            return str(problem)


def _check(template: str) -> None:
    parts = urlsplit(HostAddress("n", "a").fill(template))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SourceError(f"scrape: {template!r} is no URL; write it like http://{{address}}:8080/metrics")
    if not names_host(template):
        raise SourceError(f"scrape: {template!r} is the same for every host; put {{address}} or {{name}} into it")
