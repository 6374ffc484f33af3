# SPDX-License-Identifier: GPL-2.0-only
"""An incident from its revert to its proof, on a real master with real test workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.cli.asking.client import Client
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

REGRESSION = """\
from pathlib import Path
import pytest

@pytest.mark.tags("app")
def test_nothing_is_broken():
    assert "broken" not in (Path(__file__).parents[1] / "app.txt").read_text()
"""


def test_it_closes_when_the_named_test_is_shown_to_catch_it(yard: Yard) -> None:
    """A test that passes on the bad revision closes nothing; one that was written since is run there all the same."""
    yard.start()
    client = Client(yard.site.url)

    def incident() -> dict[str, Any]:
        return client.rows("incidents/1", "incidents")[0]

    def shown(test: str) -> dict[str, Any]:
        client.act("incidents/1", "name_test", test=test, expect=incident()["version"])
        assert client.act("incidents/1", "prove")["state"] == "proving"
        with pytest.raises(ControlRefused, match="proving"):
            client.act("incidents/1", "prove")
        yard.until(lambda: incident()["state"] != "proving", f"the runs of {test} to end")
        return incident()

    yard.push("grace", "broken-3")
    yard.comes_to("reverted")
    opened = incident()
    assert (opened["cause"], opened["landing"], opened["state"]) == ("revert", 1, "open")
    assert (opened["subject"], opened["test"]) == (
        "tests/test_app.py::test_number[3]",
        "pytest:tests/test_app.py::test_number[3]",
    )
    assert "grace" not in str({**opened, "suggested": None}).lower()
    assert opened["timeline"][0]["what"] == "queued"
    lax = shown("tests/test_app.py::test_last")
    assert lax["obstacle"] == "It passes on the bad revision too, so it would not have caught this."
    assert shown("tests/test_app.py::test_none")["obstacle"].startswith("Trunk has no such test")
    yard.push("ada", REGRESSION, path="tests/test_regression.py")
    yard.comes_to("live", 2)
    found = shown("tests/test_regression.py::test_nothing_is_broken")
    assert (found["state"], found["proof"]["holds"], found["can"]) == ("closed", True, ["answer"])
    assert (found["proof"]["bad"]["outcome"], found["proof"]["trunk"]["outcome"]) == ("failed", "passed")
    runs = {one["id"]: one for one in client.rows("landings/1/runs", "runs")}
    assert runs[found["proof"]["bad"]["run"]]["revision"] == opened["bad"]
