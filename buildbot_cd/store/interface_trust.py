# SPDX-License-Identifier: GPL-2.0-only
"""The aggregate of trust: flakes, quarantines, wrong reverts; in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.core.landing.trust import Flakiness, Quarantine, Reverts


class Trust(Protocol):
    """How far the verdicts on landings can be trusted."""

    def flaked(self, gate: str, test: str, landing: int, at: float) -> bool:
        """The test failed on this landing and passed elsewhere; False if that was noted before."""

    def flakes(self, gate: str, since: float) -> tuple[Flakiness, ...]:
        """Every test that flaked after ``since``, the most often first, then by name.

        ``runs`` are all runs of which a duration was learnt, so the rate is too low where ``since`` is not long ago.
        """

    def quarantine(self, gate: str, order: Quarantine) -> None:
        """Write it, over the one that the test has."""

    def release(self, gate: str, test: str) -> bool:
        """End the test's quarantine; False if there is none."""

    def quarantined(self, gate: str, now: float) -> tuple[Quarantine, ...]:
        """Those in force, by test."""

    def note_stressed(self, gate: str, tests: Iterable[str], landing: int, rounds: int, at: float) -> None:
        """These tests were new with this landing, and were run so many times; what was noted before stays."""

    def unstressed(self, gate: str, tests: Iterable[str]) -> frozenset[str] | None:
        """Those of these tests of which nothing was noted; None if nothing was ever noted of any test of the gate."""

    def call_wrong(self, landing: int, by: str, reason: str, at: float) -> bool:
        """A person says that the landing's revert was wrong; False if somebody has said so before."""

    def called_wrong(self, landing: int) -> bool:
        """True if somebody has said so."""

    def reverts(self, gate: str, since: float) -> Reverts:
        """Of the landings that the gate took back by its own judgement after ``since``: how many, how many wrongly."""
