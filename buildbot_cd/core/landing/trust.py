# SPDX-License-Identifier: GPL-2.0-only
"""How far verdicts can be trusted: flaky tests, those in quarantine, and reverts that people call wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import State
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Landing

JUDGED = ("test", "deploy")
"""Kinds of revert by which the gate judged a change."""

LONGEST = 30 * 86400.0
"""A quarantine ends after so many seconds at most: then the test is mended, or removed, or somebody says why not."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A test that runs and does not count until ``until``; ``owner`` is who mends it, ``by`` who ordered it."""

    test: str
    owner: str
    reason: str
    by: str
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Flakiness:
    """One test: ``flakes`` failures that passed on another worker, among ``runs`` runs; ``last`` is the newest."""

    test: str
    flakes: int
    runs: float
    first: float
    last: float

    @property
    def rate(self) -> float:
        """Flakes per run, between 0 and 1; a test of which no run was counted flakes always."""
        return min(1.0, self.flakes / self.runs) if self.runs else 1.0


@dataclass(frozen=True, slots=True)
class Reverts:
    """How many landings the gate took back by its own judgement, and of how many people say that they were right."""

    all: int
    wrong: int

    @property
    def false_rate(self) -> float | None:
        """The share of wrong ones; None if there were none at all."""
        return self.wrong / self.all if self.all else None


def quarantine(test: str, owner: str, reason: str, by: str, now: float, until: float) -> Quarantine:
    """A new quarantine. Raises ControlRefused without an owner, a reason, or an end within `LONGEST`."""
    for name, text in (("a test", test), ("an owner, who mends it", owner), ("a reason", reason)):
        if not text.strip():
            raise ControlRefused(f"a quarantine needs {name}")
    if not now < until <= now + LONGEST:
        raise ControlRefused(f"a quarantine ends within {LONGEST / 86400:.0f} days: it is no way to forget a test")
    return Quarantine(test.strip(), owner.strip(), reason.strip(), by, now, until)


def may_be_called_wrong(landing: Landing | None) -> Landing:
    """The landing, if its revert was the gate's own judgement. Raises ControlRefused otherwise."""
    if landing is None or landing.state is not State.REVERTED:
        which = f"landing {landing.id} is {landing.state}: " if landing is not None else ""
        raise ControlRefused(f"{which}only a landing that was taken back can be marked as reverted wrongly")
    if landing.revert_kind not in JUDGED:
        raise ControlRefused(f"landing {landing.id} was taken back as {landing.revert_kind}: nobody judged its change")
    return landing
