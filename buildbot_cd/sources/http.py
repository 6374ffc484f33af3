# SPDX-License-Identifier: GPL-2.0-only
"""GET with a limit on time and on size, over kept connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from treq.client import HTTPClient
from twisted.internet import defer, error
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from buildbot_cd.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

_SHOWN = 300
_LATE = (defer.TimeoutError, defer.CancelledError, error.TimeoutError)


class Fetcher:
    """Fetches pages; follows no redirect, since a page must not choose what the master reads next.

    timeout: seconds for the whole answer. max_bytes: size of a body that is still read.
    """

    def __init__(self, reactor: Any, *, timeout: float, max_bytes: int) -> None:
        self._reactor, self._timeout, self._max_bytes = reactor, timeout, max_bytes
        self._pool = HTTPConnectionPool(reactor, persistent=True)  # type: ignore[no-untyped-call]
        agent: Any = Agent(reactor, connectTimeout=timeout, pool=self._pool)  # type: ignore[no-untyped-call]
        self._client = HTTPClient(agent)

    async def get(self, url: str, params: Sequence[tuple[str, str]] = ()) -> tuple[int, bytes]:
        """Status and body of `url`; SourceError with a reason for people when there is none in time."""
        return await self._in_time(url, self._ask("GET", url, params))

    async def post(self, url: str, fields: Sequence[tuple[str, str]]) -> tuple[int, bytes]:
        """The same, with the fields of a form in the body: for questions too long for a URL."""
        return await self._in_time(url, self._ask("POST", url, fields))

    async def post_json(self, url: str, value: object, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """The same, with a JSON value in the body, and headers of one's own such as a token's."""
        return await self._in_time(url, self._ask("POST", url, (), json.dumps(value).encode(), headers))

    async def _in_time(self, url: str, asking: Coroutine[Any, Any, tuple[int, bytes]]) -> tuple[int, bytes]:
        running = defer.Deferred.fromCoroutine(asking)
        running.addTimeout(self._timeout, self._reactor)
        try:
            return await running
        except SourceError:
            raise
        except Exception as problem:
            cause = _cause(problem)
            if isinstance(cause, _LATE):
                raise SourceError(f"no answer within {self._timeout:g} s from {url}") from problem
            reason = printable(str(cause) or type(cause).__name__)
            raise SourceError(f"{url} cannot be read: {reason}") from problem

    async def close(self) -> None:
        """Close the kept connections."""
        await self._pool.closeCachedConnections()  # type: ignore[no-untyped-call]

    async def _ask(
        self,
        method: str,
        url: str,
        pairs: Sequence[tuple[str, str]],
        text: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        sent: dict[str, Any] = {"params": list(pairs), "headers": _HEADERS}
        if text is not None:
            sent = {"data": _Form(text), "headers": {**_HEADERS, **_JSON, **(headers or {})}}
        elif method == "POST":
            sent = {"data": _Form(urlencode(pairs).encode()), "headers": {**_HEADERS, **_FORM}}
        response = await self._client.request(method, url, allow_redirects=False, unbuffered=True, **sent)
        body = _LimitedBody(self._max_bytes)
        response.deliverBody(body)
        return cast("int", response.code), await body.done


_HEADERS: dict[bytes | str, bytes | str] = {"Accept": "text/plain, application/json", "Accept-Encoding": "identity"}
_JSON: dict[bytes | str, bytes | str] = {"Content-Type": "application/json"}
_FORM: dict[bytes | str, bytes | str] = {"Content-Type": "application/x-www-form-urlencoded"}


@implementer(IBodyProducer)
class _Form:
    """A body that is written at once, whichever reactor runs: treq's own way of doing it asks the global one."""

    def __init__(self, body: bytes) -> None:
        self._body, self.length = body, len(body)

    def startProducing(self, consumer: Any) -> defer.Deferred[None]:
        consumer.write(self._body)
        return defer.succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to write."""

    resumeProducing = stopProducing = pauseProducing


class _LimitedBody(Protocol):
    """Gathers a body; gives up the connection when it grows too large or nobody waits for it any more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.done: defer.Deferred[bytes] = defer.Deferred(lambda _: self._abandon())

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(data)
        elif not self.done.called:
            self.done.errback(SourceError(f"the answer is larger than {self._limit} bytes"))
            self._abandon()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if isinstance(reason.value, ResponseDone | PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(reason)

    def _abandon(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            getattr(transport, "abortConnection", transport.stopProducing)()


def _cause(problem: BaseException) -> BaseException:
    """What is behind Twisted's wrappers."""
    while isinstance(problem, ResponseFailed | ResponseNeverReceived) and problem.reasons:
        problem = problem.reasons[0].value
    return problem


def printable(text: str, limit: int = _SHOWN) -> str:
    """Text from outside on one line, without control characters, cut to `limit` characters."""
    line = "".join(char if char.isprintable() else " " for char in text[: 4 * limit])
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
