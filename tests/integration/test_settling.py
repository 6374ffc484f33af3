# SPDX-License-Identifier: GPL-2.0-only
"""The whole fleet is watched on while the next release is on its way, by a real master that is killed meanwhile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

METRICS = """\
import json, os, sys, time
fleet, leak = sys.argv[1:]
now = time.time()
since = os.stat(leak).st_mtime if os.path.exists(leak) else now
def bad(host):
    return os.readlink(os.path.join(fleet, host, "current")).startswith("releases/r1-")
print(json.dumps({
    host: {"requests": 100 * now, "errors": now + (30 * (now - since) if bad(host) else 0)}
    for host in os.listdir(fleet)
}))
"""
"""Every host answers 100 requests a second, one with an error; once there is a leak, hosts on the first landing's
release fail 30 more."""


def immune(yard: Yard) -> dict[str, Any]:
    """The section: a watch after the rollout that lasts longer than this test."""
    program = yard.barriers / "metrics.py"
    program.write_text(METRICS, encoding="utf-8")
    argv = [sys.executable, str(program), str(yard.fleet), str(yard.barriers / "leak")]
    errors = {"name": "errors", "events": "errors", "per": "requests", "bad": "up"}
    source = {"command": argv, "every": "500ms"}
    return {"source": source, "baseline": "4s", "settle": "10m", "metrics": [errors]}


def test_a_regression_of_the_older_release_takes_both_away_and_reverts_one(yard: Yard) -> None:
    """It shows while the next one's canaries are switched, after a `kill -9` of the master that lost nothing of what
    was seen: every host goes back to the release before both, the older landing is reverted, and the newer one comes
    again without it.
    """
    yard.start(immune=immune(yard))
    yard.push("ada", "leaks", path="ada.txt")
    yard.comes_to("settling", 1)
    for name in yard.host_names:
        yard.close(f"restart-{name}")
    yard.push("grace", "two")
    yard.comes_to("deploying", 2)
    canary = yard.until(lambda: switched(yard, "r2-"), "a canary of the newer release")
    yard.site.kill("master")
    (had,) = looks(yard)
    yard.site.start_master()
    again = yard.until(lambda: len(now := looks(yard)) > 1 and now[1], "the watch to go on")
    assert again >= had > 2  # all of them at once: what was seen before the kill counts
    (yard.barriers / "leak").touch()
    yard.until(lambda: yard.landing(1)["state"] == "rolling_back", "the older landing to be taken back")
    assert yard.landing(2)["state"] == "queued"
    for name in yard.host_names:
        yard.open(f"restart-{name}")
    reverted = yard.comes_to("reverted", 1)
    assert "errors" in reverted["reason"]
    back = {line.split()[0] for line in yard.lines("served.log") if line.endswith(" r0")}
    assert back == set(yard.host_names)
    assert canary <= back
    yard.comes_to("settling", 2)
    assert not switched(yard, "r1-")
    assert switched(yard, "r2-") == set(yard.host_names)
    assert [one.startswith("Revert ") for one in yard.commits()] == [True, False, False, False]
    assert yard.rows("SELECT attempt FROM cd_landing WHERE id = 2") == [(2,)]


def looks(yard: Yard) -> list[int]:
    """How many lines each build of the watch has written about what it saw."""
    logs = "SELECT num_lines FROM logs JOIN steps ON steps.id = stepid WHERE steps.name = 'watch settle'"
    return [lines for (lines,) in yard.rows(f"{logs} AND logs.slug = 'samples' ORDER BY logs.id")]


def switched(yard: Yard, prefix: str) -> set[str]:
    """The hosts whose release has a name that begins so."""
    found = {name: (yard.fleet / name / "current").resolve().name for name in yard.host_names}
    return {name for name, release in found.items() if release.startswith(prefix)}
