# SPDX-License-Identifier: GPL-2.0-only
"""The record of an incident. Frozen; times are seconds since the epoch (UTC)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WHYS = 5
"""How often a record asks why."""

DUE = 7 * 86400.0
"""Seconds after which an incident that has not closed is overdue: a week."""


class Cause(StrEnum):
    """What opened it: the gate took a landing back before it was deployed, or out of production; or a failure got past
    the gate and was found later.
    """

    REVERT = "revert"
    ROLLBACK = "rollback"
    ESCAPE = "escape"


class Standing(StrEnum):
    """OPEN: something is still to be learnt; PROVING: the named test runs on both revisions; CLOSED: it was shown."""

    OPEN = "open"
    PROVING = "proving"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Side:
    """The named test on one revision: its outcome, in the words of test runs, and the run (None: there was none)."""

    revision: str
    outcome: str
    run: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"revision": self.revision, "outcome": self.outcome, "run": self.run}


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident of a gate. It belongs to nobody: whoever knows something adds it.

    ``key`` names what opened it, once for ever; ``subject`` is the test, the metric or the change, never a person;
    ``bad`` the revision that was bad. ``whys`` are WHYS answers, empty ones not given yet; ``test`` is the regression
    test, empty until it is named; ``proof`` the last try to show what it catches (JSON, see `rules.proved`).
    ``version`` is the compare-and-set number.
    """

    id: int
    key: str
    gate: str
    landing: int | None
    cause: Cause
    subject: str
    bad: str
    opened_at: float
    due_at: float
    state: Standing = Standing.OPEN
    whys: tuple[str, ...] = ("",) * WHYS
    test: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict)
    closed_at: float | None = None
    version: int = 0
