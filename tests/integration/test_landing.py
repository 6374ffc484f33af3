# SPDX-License-Identifier: GPL-2.0-only
"""The way of a landing through a real master, real workers and a real repository."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ON_BOTH = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@ON_BOTH
def test_a_good_landing_goes_live_and_a_bad_one_leaves_trunk_as_it_was(yard: Yard) -> None:
    """A passed push is on every host; a failing one is reverted on trunk, and no host ever sees it."""
    yard.start()
    good = yard.push("ada", "good")
    yard.comes_to("live")
    assert yard.releases() == {f"r1-{good[:12]}"}
    tree = yard.tree()
    yard.push("grace", "broken-3")
    bad = yard.comes_to("reverted", 2)
    assert "test_number[3]" in bad["reason"]
    assert yard.tree() == tree
    assert yard.releases() == {f"r1-{good[:12]}"}
    assert yard.commits()[0].startswith("Revert ")


@ON_BOTH
def test_a_second_engineer_waits_until_the_first_enters_deployment(yard: Yard) -> None:
    """One at a time is tested; the next is let in while the first is being deployed."""
    yard.start()
    yard.close("test_last")
    yard.close("restart-web-1")
    yard.push("ada", "one")
    yard.reached("test_last")
    yard.push("grace", "two")
    yard.until(lambda: yard.landing(2)["state"] == "queued", "the second landing to be seen")
    yard.open("test_last")
    yard.comes_to("deploying", 1)
    yard.until(lambda: yard.landing(2)["state"] in ("testing", "passed"), "the second to be tested meanwhile")
    assert yard.landing(1)["state"] == "deploying"
    yard.open("restart-web-1")
    yard.comes_to("live", 2)
    assert yard.landing(1)["state"] == "live"


FLAKY = """
import barrier, pathlib, pytest

@pytest.mark.tags("app")
def test_new():
    barrier.note("runs.log", "run")
    assert len((pathlib.Path(barrier.__file__).parent / "runs.log").read_text().splitlines()) != 4
"""


def test_a_new_test_that_flakes_is_set_aside_in_its_author_s_name(yard: Yard) -> None:
    """It passes with its landing, fails in the fourth of ten more runs, and does not count from then on. A change that
    breaks the repository's map is taken back meanwhile, and holds nobody up.
    """
    yard.start()
    yard.push("ada", "good")
    yard.comes_to("live")
    yard.push("grace", FLAKY, path="tests/test_new.py")
    yard.comes_to("live", 2)
    (trust,) = yard.site.get("cd/gates/trunk/trust")["trust"]
    (order,) = trust["quarantines"]
    assert (order["test"], order["by"]) == ("pytest:tests/test_new.py::test_new", "gate")
    assert order["owner"].startswith("grace@")
    assert len(yard.lines("runs.log")) == 4
    yard.push("ada", "{", path=".buildbot-cd.yaml")
    assert "map:.buildbot-cd.yaml failed twice" in yard.comes_to("reverted", 3)["reason"]


COLLAPSING = """
from buildbot.plugins import steps
busy = util.BuildFactory([
    steps.ShellCommand(command=[{python!r}, {hook!r}, "check"]),
    steps.Git(repourl={repository!r}, branch="main", mode="full"),
    steps.ShellCommand(command=["sh", "-c", "! grep broken app.txt"]),
])
c["builders"].append(util.BuilderConfig(name="busy", workernames=["test-1"], factory=busy))
c["schedulers"] = [schedulers.SingleBranchScheduler(
    name="own", change_filter=util.ChangeFilter(branch="main"), treeStableTimer=None, builderNames=["busy"])]
"""


def test_a_check_is_never_collapsed_with_the_builder_s_other_requests(yard: Yard) -> None:
    """A team's own builder, busy and with newer requests in its queue, still gives each landing its own verdict."""
    hook = str(yard.barriers / "hook.py")
    more = COLLAPSING.format(python=sys.executable, hook=hook, repository=str(yard.repository))
    yard.start(more, checks=[{"builder": "busy"}])
    yard.close("check")
    yard.push("ada", "broken")
    yard.reached("check")
    yard.until(lambda: requests(yard, "claimed") == 1 and requests(yard, "waiting") == 1, "the check's own request")
    yard.push("grace", "fine", path="other.txt")
    yard.until(lambda: requests(yard, "all") == 3, "a newer request for the same branch")
    yard.open("check")
    assert "builder:busy failed twice" in yard.comes_to("reverted", 1)["reason"]
    yard.comes_to("live", 2)


def requests(yard: Yard, which: str) -> int:
    """How many requests the builder has that are claimed by a master, waiting, or in all."""
    claimed = "IN (SELECT brid FROM buildrequest_claims)"
    where = {
        "claimed": f"id {claimed} AND complete = 0",
        "waiting": f"id NOT {claimed} AND complete = 0",
        "all": "1 = 1",
    }
    busy = "builderid = (SELECT id FROM builders WHERE name = 'busy')"
    (row,) = yard.rows(f"SELECT count(*) FROM buildrequests WHERE {busy} AND {where[which]}")  # noqa: S608 - own text
    return int(row[0])
