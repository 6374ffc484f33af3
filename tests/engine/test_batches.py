# SPDX-License-Identifier: GPL-2.0-only
"""News that come by the hundred go out together."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer, task

from buildbot_cd.engine.batches import PAUSE, Batches


class Receiver:
    """Takes what is handed over; it may be made to take its time."""

    def __init__(self) -> None:
        self.clock = task.Clock()
        self.got: list[dict[Any, int]] = []
        self.gate: defer.Deferred[None] | None = None
        self.batches: Batches[int] = Batches(self.clock, self.take, "the news were not told")

    async def take(self, values: dict[Any, int]) -> None:
        """One handing."""
        if self.gate is not None:
            await self.gate
        self.got.append(values)

    def advance(self, seconds: float) -> None:
        """Let time pass in small steps, as it does."""
        self.clock.pump([seconds / 10] * 10)


@pytest.fixture
def receiver() -> Receiver:
    """Somebody who listens."""
    return Receiver()


def test_many_news_are_one_handing_with_the_last_of_each(receiver: Receiver) -> None:
    """Eight hundred news within the pause are handed over once."""
    for number in range(800):
        receiver.batches.add(number % 40, number)
    assert receiver.got == []
    receiver.advance(PAUSE * 1.2)
    assert receiver.got == [{number: 760 + number for number in range(40)}]


def test_steady_news_go_out_a_few_times_a_second(receiver: Receiver) -> None:
    """They are not held back until it is quiet."""
    for number in range(100):
        receiver.batches.add("host", number)
        receiver.clock.advance(0.02)
    assert 9 <= len(receiver.got) <= 14


def test_no_handing_overtakes_another(receiver: Receiver) -> None:
    """While one takes its time the next news gather, and go out behind it."""
    receiver.gate = defer.Deferred()
    receiver.batches.add("host", 1)
    receiver.advance(PAUSE * 1.2)
    receiver.batches.add("host", 2)
    receiver.advance(PAUSE * 4)
    assert receiver.got == []
    receiver.gate.callback(None)
    receiver.gate = None
    receiver.advance(PAUSE * 1.2)
    assert receiver.got == [{"host": 1}, {"host": 2}]


def test_settled_hands_over_at_once_and_waits(receiver: Receiver) -> None:
    """Who writes afterwards has the last word."""
    receiver.batches.add("host", 1)
    done = defer.ensureDeferred(receiver.batches.settled())
    assert not done.called
    receiver.clock.advance(0)
    assert done.called
    assert receiver.got == [{"host": 1}]
    receiver.advance(PAUSE * 2)
    assert receiver.got == [{"host": 1}]


def test_settled_returns_when_there_is_nothing(receiver: Receiver) -> None:
    """No timer is started for nothing."""
    assert defer.ensureDeferred(receiver.batches.settled()).called
    assert receiver.clock.getDelayedCalls() == []


def test_a_handing_that_fails_is_logged_and_the_next_one_goes_out(receiver: Receiver) -> None:
    """One bad moment of the database does not stop the news for ever."""
    receiver.gate = defer.fail(OSError("the database is away"))
    seen: list[dict[str, Any]] = []
    from twisted.python import log

    log.addObserver(seen.append)
    try:
        receiver.batches.add("host", 1)
        receiver.advance(PAUSE * 1.2)
    finally:
        log.removeObserver(seen.append)
    assert any("the news were not told" in str(event.get("why")) for event in seen)
    receiver.gate = None
    receiver.batches.add("host", 2)
    receiver.advance(PAUSE * 1.2)
    assert receiver.got == [{"host": 2}]
