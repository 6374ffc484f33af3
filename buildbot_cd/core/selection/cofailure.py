# SPDX-License-Identifier: GPL-2.0-only
"""What failed with changes of the same files before: a test that fails whenever `tax.py` changes belongs to it.

Counts lose half of their weight in `HALF_LIFE`. A change of n files counts 1/n with each of them. Only failures that
were confirmed on another worker count, so a flaky test does not belong to whatever happened to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.selection.outcome import shown
from buildbot_cd.core.selection.reached import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

HALF_LIFE = 90 * 86_400.0
"""Seconds in which a count loses half of its weight."""

PRIOR = 5.0
"""Changes that a file is taken to have had, in which the test failed as often as it does at all."""

THETA = 0.05
"""A test of a lower probability is not told."""

ENOUGH = 0.9
"""Failures, in weight, before anything is said: one change of one file, seen lately."""


def aged(count: float, at: float, now: float) -> float:
    """What a count of the time ``at`` weighs now."""
    return float(count * 0.5 ** (max(now - at, 0.0) / HALF_LIFE))


def failed_with(
    history: Mapping[str, Mapping[str, tuple[float, float]]], now: float, base: float = 0.0
) -> dict[str, Evidence]:
    """By test how probably it fails for a change of these files.

    ``history`` gives by file and test how often the test failed with it, and when that was written; under the test ""
    how often the file changed. ``base`` is how often a test fails at all.
    """
    found: dict[str, Evidence] = {}
    for path, tests in history.items():
        changes = aged(*tests.get("", (0.0, now)), now)
        for nid, count in tests.items():
            fails = aged(*count, now)
            chance = min((fails + PRIOR * base) / (max(changes, fails) + PRIOR), 1.0)
            known = found.get(nid)
            if nid and fails >= ENOUGH and chance >= THETA and (known is None or chance > known.probability):
                why = f"it failed with {fails:.1f} of {changes:.1f} changes to {shown(path)}"
                found[nid] = Evidence(why, chance)
    return found
