# SPDX-License-Identifier: GPL-2.0-only
"""What is watched and who tests and pushes: the sections `trunk`, `git`, `gate` and `checks`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from buildbot_cd.config.section import Argv, Branch, Name, Names, Section, Text
from buildbot_cd.config.units import Duration, Ratio


def _identity(text: str) -> str:
    if re.fullmatch(r"[^<>]*[^<>\s][^<>]* <[^<>\s]+@[^<>\s]+>", text) is None:
        raise ValueError('should be as git writes an author: "Deploy <deploy@example.org>"')
    return text


def _time_of_day(text: str) -> str:
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is None:
        raise ValueError('should be a time of day in quotes, from "00:00" to "23:59"')
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone of the tz database, such as Europe/Berlin or UTC") from None
    return text


def _address(text: str) -> str:
    return text.strip().lower()


TimeOfDay = Annotated[Text, AfterValidator(_time_of_day)]
Zone = Annotated[Text, AfterValidator(_zone)]
Address = Annotated[Text, AfterValidator(_address)]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Trunk(Section):
    """The branch that is watched."""

    repository: Name
    """Where the git worker fetches from and pushes to; also the repository of the changes that count."""
    branch: Branch = "main"
    """The branch whose pushes are landings."""
    poll: Annotated[Duration, Field(gt=0)] = 60.0
    """How often trunk is looked at when no change hook told of a push."""


class Git(Section):
    """The worker that builds candidates and pushes reverts."""

    worker: Name
    """The name of the worker that may push to trunk."""
    author: Annotated[Text, AfterValidator(_identity)]
    """Author and committer of candidates and reverts."""
    python: Text = "python3"
    """The Python (3.11 or newer, with this package) on that worker."""


class ReversalLimits(Section):
    """How often trunk may be reverted by itself before people are asked."""

    per_hour: Annotated[StrictInt, Field(ge=0)] = 4
    """Reverts in any hour; one more halts the gate."""
    per_day: Annotated[StrictInt, Field(ge=0)] = 10
    """Reverts in any 24 hours; one more halts the gate."""
    per_engineer: Annotated[StrictInt, Field(ge=0)] = 2
    """Reverts of one engineer's landings in any hour; one more halts the gate."""
    followers: StrictBool = True
    """Take the same engineer's queued pushes directly on top along."""


class Engineer(Section):
    """One engineer under several addresses."""

    name: Name
    """What the engineer is called."""
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Mail addresses of commits, and logins at the git server."""


class Emergency(Section):
    """The fast lane."""

    people: tuple[Address, ...] = ()
    """Who may use it: names of `gate.engineers`, or logins or addresses."""
    preempt: StrictBool = False
    """Let it take the test slot from a landing under test, which then comes next."""


class ClosedWindow(Section):
    """A time of the week at which nothing is deployed."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = DAYS
    """The days on which it begins."""
    start: TimeOfDay
    """When it begins, on the wall clock."""
    end: TimeOfDay
    """When it ends; at or before `start`: on the next day."""
    zone: Zone = "UTC"
    """The time zone, as in the tz database."""
    reason: Text = "no deployments at this time"
    """What those who wait are told."""


class NewTests(Section):
    """Tests that come with a landing are run over and over before they may speak against anybody's change."""

    rounds: Annotated[StrictInt, Field(ge=0, le=1000)] = 10
    """How often; 0: never."""
    most: Annotated[StrictInt, Field(ge=1)] = 50
    """So many of one landing at most; more wait for the next landing."""
    quarantine: Annotated[Duration, Field(le=30 * 86400)] = 14 * 86400.0
    """How long one that does not pass each time runs without counting, in its author's name."""


class Gate(Section):
    """The test slot and the deploy slot of trunk."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")] = "trunk"
    """The gate's name in messages, on pages and in addresses."""
    mode: Literal["queued", "blocked"] = "queued"
    """`queued` accepts every push and tests one after the other; `blocked` lets only the holder of the slot push."""
    reverts: ReversalLimits = ReversalLimits()
    """How many reverts are made without asking."""
    widespread: Annotated[Ratio, Field(le=1)] = 0.2
    """If more of all tests fail, on the tested revision too, the surroundings are broken and nothing is reverted."""
    together: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    """So many pushes of one engineer, waiting directly one on the other, are tested as one."""
    new_tests: NewTests = NewTests()
    """What is asked of new tests."""
    engineers: tuple[Engineer, ...] = ()
    """Engineers with several addresses; everybody else goes by their address."""
    bots: tuple[Address, ...] = ()
    """Addresses and logins of programs that commit."""
    emergency: Emergency = Emergency()
    """The fast lane: `git push -o cd.emergency=<why>`."""
    windows: tuple[ClosedWindow, ...] = ()
    """When nothing is deployed, except emergencies."""
    shadow: StrictBool = False
    """Decide and report, but push, block and deploy nothing."""


class SuiteCheck(Section):
    """The sharded test run."""

    runner: Literal["pytest"]
    """What collects and runs the tests."""
    workers: Annotated[Names, Field(min_length=1)]
    """The names of the workers that share the tests between them."""
    budget: Duration = 720.0
    """How long the run should take at most; what cannot fit is told, with the test that stands in the way."""
    python: Text = "python3"
    """The Python (3.11 or newer, with this package) on those workers."""
    setup: Argv | None = None
    """A command to run in the checkout before collection and before each shard's first test."""
    map: StrictBool = False
    """Record what each test calls also where that is dear: below Python 3.12, by coverage.py if the project has it."""


class Check(Section):
    """What a landing must pass: the sharded test run, or a builder of this master."""

    tests: SuiteCheck | None = None
    """The sharded test run."""
    builder: Name | None = None
    """The name of a builder of this master."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.tests is None) == (self.builder is None):
            raise ValueError("should hold exactly one of 'tests' and 'builder'")
        return self
