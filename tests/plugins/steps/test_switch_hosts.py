# SPDX-License-Identifier: GPL-2.0-only
"""When hosts that do not come up speak against the release, and when against themselves."""

from __future__ import annotations

import pytest

from buildbot_cd.engine.fleet_plan import PlannedStage
from buildbot_cd.plugins.steps.switch_hosts import blamed
from buildbot_cd.store.rows import HostRow

NEW = "r-2"


def lost(*phases: str, observed: str | None = NEW) -> list[HostRow]:
    """Hosts that ended in these phases."""
    return [HostRow(1, f"web-{n}", "web", "canary", NEW, observed, "r-1", phase) for n, phase in enumerate(phases)]


def stage(size: int, budget: int = 0) -> PlannedStage:
    """A stage of so many hosts."""
    return PlannedStage("canary", tuple(f"web-{n}" for n in range(size)), 0.0, budget)


@pytest.mark.parametrize(
    ("size", "budget", "rows", "expected"),
    [
        (3, 0, lost("unhealthy"), ["health of web-0"]),
        (3, 1, lost("unhealthy", "failed"), []),
        (2, 0, lost("failed", "failed"), ["restart of web-0", "restart of web-1"]),
        (3, 0, lost("failed", "failed"), []),
        (2, 0, lost("failed", "failed", observed="r-1"), []),
        (2, 0, lost("unreachable", "failed"), []),
        (2, 0, lost("unhealthy", "failed"), ["health of web-0", "restart of web-1"]),
        (1, 0, lost("failed"), []),
    ],
    ids=[
        "unhealthy with the release",
        "one unhealthy is within the budget",
        "no host restarts with it",
        "one host of three restarts with it",
        "they never came to carry it",
        "one is away",
        "one sick and one dead are all",
        "a single host proves nothing",
    ],
)
def test_who_is_to_blame(size: int, budget: int, rows: list[HostRow], expected: list[str]) -> None:
    """Only what the release itself must have done is held against it."""
    assert blamed(stage(size, budget), rows, NEW) == expected
