# SPDX-License-Identifier: GPL-2.0-only
"""An escape on a real master: what the gate let through is found, traced to its landing, and a rule is proposed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.cli.demo.workspace import git

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TAX = """\
import pathlib, pytest
from levies import levy

@pytest.mark.tags("tax")
def test_levy():
    assert levy() > 0

@pytest.mark.tags("tax")
def test_rate():
    assert "7" not in (pathlib.Path(__file__).parents[1] / "rates.txt").read_text()
"""
LEVIES = """\
def levy():
    return 19
"""
MAP = """\
rules:
  - {paths: app.txt, tags: [app]}
tags: {app: all of it, tax: what the state gets}
missing_tags: warn
"""
BACKSTOP = {"full": "0s", "rolling": "1s"}


def test_an_escape_ends_in_culprit_missing_tag_and_rule(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the landings since it passed, the one that broke a test and did not declare its tag is named, with a patch.

    What the gate's runs recorded tells the tag that a later change forgets, and selects for one that declares none.
    """
    kept = {name: part for name, part in yard.config().items() if name in ("trunk", "git", "gate", "checks")}
    kept["checks"][0]["tests"]["map"] = True  # the tests may run on a Python without sys.monitoring
    monkeypatch.setattr(yard, "config", lambda: {**kept, "backstop": BACKSTOP})
    yard.start()
    tree = yard.clones["ada"]
    files = {"rates.txt": "19\n", "tests/levies.py": LEVIES, "tests/test_tax.py": TAX, ".buildbot-cd.yaml": MAP}
    for path, text in files.items():
        (tree / path).write_text(text)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--file=-", stdin="Taxes\n\nTags: app, tax\n")
    git(tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    yard.hook(git(tree, "rev-parse", "HEAD").strip())
    yard.comes_to("live", 1)
    bad = yard.push("ada", "7", path="rates.txt", message="Half the tax\n\nTags: app\n")
    yard.push("grace", "two")
    yard.comes_to("live", 3)
    yard.until(lambda: states(yard) == ["found"], f"the search to end; it is {states(yard)}")
    (found,) = yard.site.get("cd/escapes")["escapes"]
    assert (found["test"], found["culprit"]) == ("pytest:tests/test_tax.py::test_rate", 2)
    assert found["probability"] >= 0.99
    assert (found["missing_tag"], found["reason"]) == ("tax", f"missing tag tax on landing 2 ({bad[:12]})")
    assert found["rule"] == "- {paths: [rates.txt], tags: [tax]}"
    (proposal,) = yard.site.get("cd/gates/trunk/proposals")["proposals"]
    assert (proposal["rule"], proposal["escapes"], proposal["landings"]) == (found["rule"], [found["id"]], [2])
    (incident,) = yard.site.get("cd/incidents")["incidents"]
    assert (incident["cause"], incident["landing"], incident["state"]) == ("escape", 2, "open")
    assert incident["test"] == "pytest:tests/test_tax.py::test_rate"
    argv = [sys.executable, "-c", "import sys; from buildbot_cd.cli.main import main; sys.exit(main())"]
    argv += ["escapes", "1", "--patch", "--master", yard.site.url]
    patch = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    git(tree, "apply", "-", stdin=patch)
    assert "tags: [tax]" in (tree / ".buildbot-cd.yaml").read_text()
    assert yard.landing(2)["state"] == "live"
    the_map_is_asked(yard)


def the_map_is_asked(yard: Yard) -> None:
    """A function changes, first with a forgotten tag, then without any."""
    yard.push("ada", "    return 20", "Levy more\n\nTags: app\n", "tests/levies.py")
    tree = yard.clones["grace"]
    git(tree, "pull", "--quiet", "origin", "main")
    (tree / "tests" / "levies.py").write_text("def levy():\n    return 21\n")
    git(tree, "commit", "--quiet", "--all", "--message=Levy yet more")
    git(tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    yard.hook(git(tree, "rev-parse", "HEAD").strip())
    yard.comes_to("live", 5)
    first, second = (gate_run(yard, landing) for landing in (4, 5))
    (missing,) = first["missing_tags"]
    assert missing["tag"] == "tax"
    assert "levy" in missing["because"]
    assert names(yard, second) == ["pytest:tests/test_tax.py::test_levy"]
    assert len(names(yard, first)) == 7


def gate_run(yard: Yard, landing: int) -> dict[str, Any]:
    """The run that the landing had to pass."""
    run: dict[str, Any]
    (run,) = [one for one in yard.site.get(f"cd/landings/{landing}/runs")["runs"] if one["kind"] == "gate"]
    return run


def names(yard: Yard, run: dict[str, Any]) -> list[str]:
    """Its tests."""
    return [one["nid"] for one in yard.site.get(f"cd/runs/{run['id']}/tests")["tests"]]


def states(yard: Yard) -> list[str]:
    """Of all escapes."""
    return [one["state"] for one in yard.site.get("cd/escapes")["escapes"]]
