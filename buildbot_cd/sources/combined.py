# SPDX-License-Identifier: GPL-2.0-only
"""Several sources read as one: requests from the hosts, orders from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import defer

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CombinedSource:
    """Reads `main` and the `others`, whose names go before a colon in front of their numbers' names.

    Who answered is what `main` says; the others add numbers. When one of them fails the reading fails, and says which:
    half of the metrics would look like a change of all of them, and nothing is lost, for counters go on counting.
    """

    def __init__(self, main: Source, others: Mapping[str, Source]) -> None:
        self._main, self._others = main, dict(others)

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All sources at one moment. SourceError when one of them fails."""
        sources = [("", self._main), *self._others.items()]
        running = [defer.Deferred.fromCoroutine(_named(name, source, hosts)) for name, source in sources]
        answers = await defer.DeferredList(running, consumeErrors=True)
        failed: list[Any] = [result for good, result in answers if not good]
        if failed:
            raise failed[0].value
        first, *rest = [snapshot for _, snapshot in answers]
        values = {host: dict(named) for host, named in first.values.items()}
        for name, snapshot in zip(self._others, rest, strict=True):
            for host, named in snapshot.values.items():
                if host in values:
                    values[host] |= {f"{name}:{key}": value for key, value in named.items()}
        return Snapshot(first.time, values, first.errors)

    async def close(self) -> None:
        """Close all of them."""
        await self._main.close()
        for source in self._others.values():
            await source.close()


async def _named(name: str, source: Source, hosts: Sequence[HostAddress]) -> Snapshot:
    try:
        return await source.read(hosts)
    except SourceError as problem:
        raise SourceError(f"source {name}: {problem}" if name else str(problem)) from problem
