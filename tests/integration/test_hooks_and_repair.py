# SPDX-License-Identifier: GPL-2.0-only
"""What a team has run around a stage, and what is done about a host that somebody moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


def test_hooks_run_around_their_stage_and_drift_is_repaired(yard: Yard) -> None:
    """Each stage's command gets stage and release; a host that somebody moved by hand is back on record soon after."""
    note = ["sh", "-c", 'echo "$0 $CD_STAGE $CD_RELEASE" >> "$1"']
    log = yard.directory / "hooks.log"
    rollout = [
        {"stage": "canary", "hosts": 2, "before": [*note, "before", str(log)]},
        {"stage": "fleet", "hosts": "all", "after": [*note, "after", str(log)]},
    ]
    yard.start(fleet={**yard.config()["fleet"], "repair": "3s"}, rollout=rollout)
    good = yard.push("ada", "good")
    yard.comes_to("live", seconds=150)
    release = f"r1-{good[:12]}"
    assert log.read_text().splitlines() == [f"before canary {release}", f"after fleet {release}"]
    link = yard.fleet / "web-3" / "current"
    moved = link.with_name("moved")
    moved.symlink_to("releases/r0")
    moved.replace(link)
    yard.until(lambda: yard.releases() == {release}, "the drift to be repaired", 120)
