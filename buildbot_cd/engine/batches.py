# SPDX-License-Identifier: GPL-2.0-only
"""News that come by the hundred go out together: the newest of each kind, a few times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet import defer

from buildbot_cd.engine.logs import logged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

PAUSE = 0.15
"""Seconds for which news are gathered: with their way to a page they are seen within half a second (bench web)."""

V = TypeVar("V")


class Batches(Generic[V]):
    """Gathers values by key, the last one counting, and hands them over together; never two handings at a time."""

    def __init__(
        self, reactor: Any, hand_over: Callable[[dict[Hashable, V]], Awaitable[None]], what: str, pause: float = PAUSE
    ) -> None:
        """``what`` says in the log what failed; the values of a handing that failed are not handed again."""
        self._reactor, self._hand_over, self._what, self._pause = reactor, hand_over, what, pause
        self._gathered: dict[Hashable, V] = {}
        self._timer: Any = None
        self._handing: defer.Deferred[None] | None = None

    def add(self, key: Hashable, value: V) -> None:
        """Goes out with the next handing, at most ``pause`` seconds from now if none is going on."""
        self._gathered[key] = value
        if self._timer is None and self._handing is None:
            self._timer = self._reactor.callLater(self._pause, self._start)

    async def settled(self) -> None:
        """Hand over at once what was gathered so far, and wait until that is done."""
        while self._gathered or self._handing is not None:
            self._start()
            done: defer.Deferred[None] = defer.Deferred()
            if self._handing is not None:
                self._handing.addBoth(self._passing(done))
                await done

    def _start(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._handing is not None or not self._gathered:
            return
        values, self._gathered = self._gathered, {}
        handing = self._handing = defer.Deferred.fromCoroutine(self._hand(values))
        handing.addErrback(logged(self._what))
        handing.addBoth(self._ended)

    async def _hand(self, values: dict[Hashable, V]) -> None:
        # A turn of the loop first, so that `_handing` is set before anything can end.
        turn: defer.Deferred[None] = defer.Deferred()
        self._reactor.callLater(0, turn.callback, None)
        await turn
        await self._hand_over(values)

    def _ended(self, _result: object) -> None:
        self._handing = None
        if self._gathered and self._timer is None:
            self._timer = self._reactor.callLater(self._pause, self._start)

    @staticmethod
    def _passing(done: defer.Deferred[None]) -> Callable[[Any], Any]:
        def call(result: Any) -> Any:
            done.callback(None)
            return result

        return call
