# SPDX-License-Identifier: GPL-2.0-only
"""What a storm's checks find: each is held against a record that is right, and against one that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.testing.storm.fleet import FleetWatch, as_recorded
from buildbot_cd.testing.storm.gate_rules import (
    Candidate,
    Freeze,
    Mark,
    Taken,
    candidates_hold_what_passed,
    caps_hold,
    first_come_first_served,
    freezes_hold,
    marks_move_forward,
)

if TYPE_CHECKING:
    from pathlib import Path

Move = tuple[str | None, str, float]

LIVE: list[Move] = [
    *[(None, "queued", 0.0), ("queued", "testing", 1.0), ("testing", "passed", 2.0), ("passed", "deploying", 3.0)],
    ("deploying", "live", 4.0),
]
TAKEN_BACK: list[Move] = [
    *[(None, "queued", 1.5), ("queued", "testing", 3.5), ("testing", "passed", 4.5), ("passed", "deploying", 5.0)],
    *[("deploying", "rolling_back", 6.0), ("rolling_back", "reverting", 7.0), ("reverting", "reverted", 8.0)],
]
AFTER: list[Move] = [
    *[(None, "queued", 2.5), ("queued", "testing", 5.5), ("testing", "queued", 6.0), ("queued", "preparing", 8.5)],
    ("preparing", "testing", 9.0),
]
STORY = {1: LIVE, 2: TAKEN_BACK, 3: AFTER}
FILES = {1: "one", 2: "two", 3: "three"}


def test_a_candidate_holds_what_stands_in_production_when_its_landing_is_admitted() -> None:
    """The third landing is tested with the second as long as that stands, and anew without it afterwards."""
    first = Candidate(3, 5.5, frozenset({"always", "one", "two", "three"}))
    second = Candidate(3, 9.0, frozenset({"always", "one", "three"}))
    candidates_hold_what_passed([first, second], STORY, FILES, frozenset({"always"}))
    for wrong in (first._replace(at=9.0), second._replace(at=5.5), second._replace(files=frozenset({"always", "one"}))):
        with pytest.raises(AssertionError, match="landing 3"):
            candidates_hold_what_passed([wrong], STORY, FILES, frozenset({"always"}))


def test_tested_goes_back_only_when_production_fails() -> None:
    """A step back at the moment of a failure to what is beneath is counted; any other, and any of live, is wrong."""
    forward = [Mark("tested", None, "a", 3.0), Mark("live", "a", "b", 4.0), Mark("tested", "b", "c", 5.0)]
    back = Mark("tested", "c", "b", 6.0)
    assert marks_move_forward([*forward, back], STORY, str.__le__) == 1
    for wrong in (back._replace(at=6.5), back._replace(name="live")):
        with pytest.raises(AssertionError, match="without cause"):
            marks_move_forward([*forward, wrong], STORY, str.__le__)


def test_nobody_is_admitted_before_those_that_wait_longer() -> None:
    """The order of ids counts within a priority, and a higher priority goes first."""
    early: list[Move] = [(None, "queued", 0.0), ("queued", "testing", 5.0)]
    late: list[Move] = [(None, "queued", 1.0), ("queued", "testing", 4.0)]
    first_come_first_served(STORY, {1: 0, 2: 0, 3: 0})
    first_come_first_served({1: early, 2: late}, {1: 0, 2: 1000})
    with pytest.raises(AssertionError, match="landing 2"):
        first_come_first_served({1: early, 2: late}, {1: 0, 2: 0})


def reverted(at: float, before: str = "confirming") -> list[Move]:
    """A landing that is taken back at a time."""
    return [(None, "queued", 0.0), (before, "reverting", at), ("reverting", "reverted", at + 1)]


def test_above_the_caps_a_revert_needs_a_person() -> None:
    """The third within the hour, or the second of one engineer, begins from a halt or not at all."""
    taken = {1: Taken("ada", "test", None), 2: Taken("grace", "deploy", None), 3: Taken("mary", "test", None)}
    story = {1: reverted(10.0), 2: reverted(20.0), 3: reverted(30.0, "halted")}
    assert caps_hold(story, taken, 2, 1) == 1
    assert caps_hold(story | {3: reverted(3700.0)}, taken, 2, 1) == 0
    with pytest.raises(AssertionError, match="landing 3"):
        caps_hold(story | {3: reverted(30.0)}, taken, 2, 3)
    with pytest.raises(AssertionError, match="landing 2"):
        caps_hold(story, taken | {2: Taken("ada", "test", None)}, 9, 1)
    assert caps_hold(story | {3: reverted(30.0)}, taken | {3: Taken("mary", "dependent", 1)}, 2, 1) == 0


def test_a_freeze_lets_nobody_in_and_outlives_the_master() -> None:
    """An admission or an entry into production inside of it is found, and so is a master that forgot it."""
    freezes_hold(STORY, [Freeze(3.6, 4.9, shown=True), Freeze(9.5, 20.0, shown=True)])
    for wrong in (Freeze(3.2, 3.8, shown=True), Freeze(4.8, 5.2, shown=True), Freeze(9.5, 20.0, shown=False)):
        with pytest.raises(AssertionError, match="freeze"):
            freezes_hold(STORY, [wrong])


def test_a_host_that_serves_something_else_is_named() -> None:
    """The newest rollout that meant a host says what it carries; the text is that of the live revision."""
    history: list[dict[str, str | None]] = [{"web-1": "r1", "web-2": "r1"}, {"web-1": "r2", "web-2": None}]
    carried, told = {"web-1": "r2", "web-2": "r1"}, {"web-1": "text", "web-2": "text"}
    as_recorded(history, carried, told, "text")
    with pytest.raises(AssertionError, match="web-2 carries r2"):
        as_recorded(history, carried | {"web-2": "r2"}, told, "text")
    with pytest.raises(AssertionError, match="web-1 serves 'other'"):
        as_recorded(history, carried, told | {"web-1": "other"}, "text")


def test_a_host_without_a_release_is_seen(tmp_path: Path) -> None:
    """A release that is gone beneath its link is noted at the look, and so is a link that is gone."""
    release = tmp_path / "web-1" / "releases" / "r1"
    release.mkdir(parents=True)
    (release / "app.txt").touch()
    current = tmp_path / "web-1" / "current"
    current.symlink_to("releases/r1")
    watch = FleetWatch([tmp_path / "web-1"])
    watch.look()
    assert (watch.looks, watch.missing) == (1, [])
    (release / "app.txt").unlink()
    watch.look()
    (release / "app.txt").touch()
    current.unlink()
    watch.look()
    assert [one.split()[0] for one in watch.missing] == ["web-1", "web-1"]
