# SPDX-License-Identifier: GPL-2.0-only
"""Asks a database: orders, sign-ups, whatever the business itself counts."""

from __future__ import annotations

import math
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from twisted.internet import defer, threads

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import printable
from buildbot_cd.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from buildbot_cd.sources.snapshot import HostAddress

Rows = list[tuple[str, float]]


class SqlSource:
    """Each metric is a query whose rows are (host, number); the transaction is always rolled back.

    url: as SQLAlchemy writes it. counters: queries that count events: a host without a row had none. In a query
    ``:since`` is the moment this source was made, as text ``YYYY-MM-DD HH:MM:SS`` in UTC, and ``:since_epoch`` the same
    as seconds. timeout: seconds for all queries together; one that takes longer is broken off where the database can do
    so, and no second one is started beside it. Raises SourceError for a URL that cannot be used.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        queries: Sequence[str],
        counters: Sequence[str] = (),
        *,
        timeout: float = 4.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reactor, self._timeout, self._clock = reactor, timeout, clock
        self._queries, self._counters = tuple(queries), frozenset(counters)
        self._since = clock()
        self._running: defer.Deferred[dict[str, Rows]] | None = None
        try:
            self._engine = sa.create_engine(url, poolclass=NullPool, connect_args=_limits(url, timeout))
        except (sa.exc.ArgumentError, ImportError) as problem:
            raise SourceError(f"sql: {_without_password(url)} cannot be used: {printable(str(problem))}") from None

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """All hosts at one moment. SourceError when the database fails or is too slow."""
        taken = self._clock()
        names = {host.name for host in hosts}
        answers = await self._ask()
        values: dict[str, dict[str, float]] = {name: {} for name in names}
        for query, rows in answers.items():
            known = [(host, number) for host, number in rows if host in names]
            if rows and not known:
                raise SourceError(
                    f"sql: no row of {_short(query)} names a host of the fleet; the first names {rows[0][0]!r}"
                )
            for name in names if query in self._counters else ():
                values[name][query] = 0.0
            for host, number in known:
                values[host][query] = values[host].get(query, 0.0) + number
        empty = "the queries have no row of this host"
        return Snapshot(taken, {n: v for n, v in values.items() if v}, {n: empty for n, v in values.items() if not v})

    async def close(self) -> None:
        """Give back connections; there is none between two readings."""
        self._engine.dispose()

    async def _ask(self) -> dict[str, Rows]:
        if self._running is not None:
            raise SourceError(f"sql: the last queries still run, {self._timeout:g} s were allowed")
        self._running = running = threads.deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._all)
        waiter: defer.Deferred[dict[str, Rows]] = defer.Deferred()
        running.addBoth(self._ended, waiter)
        waiter.addTimeout(self._timeout + 0.5, self._reactor)
        try:
            return await waiter
        except defer.TimeoutError:
            raise SourceError(f"sql: no answer within {self._timeout:g} s from {self._engine.url!r}") from None
        except sa.exc.SQLAlchemyError as problem:
            raise SourceError(f"sql: {self._engine.url!r} says: {printable(str(problem))}") from None

    def _ended(self, result: Any, waiter: defer.Deferred[dict[str, Rows]]) -> None:
        """In the reactor, when the thread is done; whoever waited may have given up."""
        self._running = None
        if not waiter.called:
            waiter.callback(result)

    def _all(self) -> dict[str, Rows]:
        """In a thread: all queries in one transaction."""
        since = datetime.fromtimestamp(self._since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        given = {"since": since, "since_epoch": self._since}
        with closing(self._engine.connect()) as connection:
            self._break_off(connection)
            return {query: self._rows(connection, query, given) for query in self._queries}

    def _break_off(self, connection: sa.Connection) -> None:
        if self._engine.dialect.name == "sqlite":
            until = time.monotonic() + self._timeout
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)

    def _rows(self, connection: sa.Connection, query: str, given: dict[str, Any]) -> Rows:
        text = sa.text(query)
        used = {name: value for name, value in given.items() if name in text._bindparams}  # noqa: SLF001
        rows: Rows = []
        for row in connection.execute(text, used):
            if len(row) != 2:
                raise SourceError(f"sql: {_short(query)} gives {len(row)} columns; it should give two: host, number")
            number = _number(row[1])
            if number is None:
                raise SourceError(f"sql: {_short(query)} gives {row[1]!r} for {row[0]!r}, which is no usable number")
            rows.append((str(row[0]), number))
        return rows


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _limits(url: str, timeout: float) -> dict[str, Any]:
    """What makes the driver itself give up in time."""
    if url.startswith("postgresql"):
        return {"connect_timeout": max(2, round(timeout)), "options": f"-c statement_timeout={round(1000 * timeout)}"}
    if url.startswith("sqlite"):
        return {"timeout": timeout}
    return {}


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://', maxsplit=1)[0]}://...@{tail}" if at else url


def _short(query: str) -> str:
    return printable(query, 80)
