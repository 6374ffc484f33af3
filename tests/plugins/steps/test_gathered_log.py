# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer, task

from buildbot_cd.plugins.steps.gathered_log import PAUSE, Gathered


class Written:
    """Buildbot's log, as far as it is asked for here."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def addRawLines(self, text: str) -> defer.Deferred[None]:
        """Lines with the letters of their streams."""
        self.writes.append(text)
        return defer.succeed(None)


@pytest.fixture
def written() -> Written:
    """A log."""
    return Written()


def closed(log: Gathered) -> list[Any]:
    """What came of closing it."""
    found: list[Any] = []
    defer.ensureDeferred(log.close()).addBoth(found.append)
    return found


def test_objects_go_on_at_once_and_lines_are_written_together(written: Written) -> None:
    """Also in pieces, as an older worker sends them; each line with the letter of its stream."""
    clock, heard = task.Clock(), list[dict[str, Any]]()
    log = Gathered(written, clock)
    log.found = heard.append
    log.addHeader("python cd_client.py\n")
    log.add_stdout_lines('{"event": "start"}\ntalk\n')
    log.addStdout('{"event":')
    log.addStdout(' "end"}\n')
    log.addStderr("oh\n")
    assert heard == [{"event": "start"}, {"event": "end"}]
    assert written.writes == []
    clock.advance(PAUSE)
    assert written.writes == ['hpython cd_client.py\no{"event": "start"}\notalk\no{"event": "end"}\neoh\n']
    clock.advance(10 * PAUSE)
    assert len(written.writes) == 1


def test_the_rest_is_written_at_the_end(written: Written) -> None:
    """Also what has no end of line; nothing comes afterwards."""
    clock = task.Clock()
    log = Gathered(written, clock)
    log.add_stdout_lines("one\n")
    log.addStderr("cut")
    assert closed(log) == [None]
    assert written.writes == ["oone\necut\n"]
    log.addHeader("a word after the connection was lost\n")
    assert clock.getDelayedCalls() == []


def test_what_a_step_stumbles_over_is_raised_at_its_end(written: Written) -> None:
    """The log has the line, and the command goes on."""
    log = Gathered(written, task.Clock())

    def stumble(_value: dict[str, Any]) -> None:
        raise ValueError("no number")

    log.found = stumble
    log.add_stdout_lines('{"event": "result"}\n')
    (failure,) = closed(log)
    assert "no number" in str(failure.value)
    assert written.writes == ['o{"event": "result"}\n']
