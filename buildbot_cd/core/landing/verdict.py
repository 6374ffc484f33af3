# SPDX-License-Identifier: GPL-2.0-only
"""From three runs of the same tests to a verdict: is it the change, a flake, or the surroundings?

The rules are the table "failure policy": only a named test that failed, failed again on another worker, and passes on
(or is absent from) ``tested`` speaks against a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSED = "passed"
FAILED = "failed"
ABSENT = "absent"
UNKNOWN = "unknown"


class Cause(StrEnum):
    """What a failure comes from."""

    FLAKY = "flaky"
    REAL = "real"
    SURROUNDINGS = "surroundings"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The verdict over all failed tests of one run.

    ``cause`` is REAL if one test is; ``by_test`` holds each test's own cause.
    """

    cause: Cause
    by_test: Mapping[str, Cause]

    def named(self, cause: Cause) -> tuple[str, ...]:
        """The tests with this cause, sorted."""
        return tuple(sorted(test for test, own in self.by_test.items() if own is cause))


def classify_test(retry: str, base: str) -> Cause:
    """One test's cause, from its outcome on another worker and its outcome on ``tested``.

    Outcomes are PASSED, FAILED, ABSENT (no such test in that revision) and UNKNOWN (the run did not get that far).
    """
    if retry == PASSED:
        return Cause.FLAKY
    if retry != FAILED:
        return Cause.UNDECIDED
    if base in (PASSED, ABSENT):
        return Cause.REAL
    return Cause.SURROUNDINGS if base == FAILED else Cause.UNDECIDED


FEWEST = 10
"""Fewer failing tests than this are looked at one by one, whatever share of the suite they are."""


def widespread(failing: tuple[str, ...], base: Mapping[str, str], ran: int, share: float) -> int:
    """How many of the failing tests fail on ``tested`` too, if the surroundings are broken at large; else 0.

    That is so if more than ``share`` (0..1) of all ``ran`` tests failed, and more than that share of the failed ones
    fail without the change as well. A change that breaks everything by itself leaves ``tested`` well, and is REAL.
    """
    if len(failing) < FEWEST or len(failing) <= share * ran:
        return 0
    ill = sum(1 for test in failing if base.get(test) == FAILED)
    return ill if ill > share * len(failing) else 0


def classify(failing: tuple[str, ...], retry: Mapping[str, str], base: Mapping[str, str]) -> Confirmation:
    """The verdict over all failing tests; a test without an outcome counts as UNKNOWN."""
    by_test = {test: classify_test(retry.get(test, UNKNOWN), base.get(test, UNKNOWN)) for test in failing}
    found = set(by_test.values())
    for cause in (Cause.REAL, Cause.UNDECIDED, Cause.SURROUNDINGS):
        if cause in found:
            return Confirmation(cause, by_test)
    return Confirmation(Cause.FLAKY if found else Cause.UNDECIDED, by_test)
