# SPDX-License-Identifier: GPL-2.0-only
"""The way of a landing through a real master, real workers and a real repository."""

from __future__ import annotations

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
