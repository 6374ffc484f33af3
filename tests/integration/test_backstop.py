# SPDX-License-Identifier: GPL-2.0-only
"""An escape on a real master: what the gate let through is found, traced to its landing, and a rule is proposed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.cli.demo.workspace import git

if TYPE_CHECKING:
    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

TAX = """\
import pathlib, pytest

@pytest.mark.tags("tax")
def test_rate():
    assert "7" not in (pathlib.Path(__file__).parents[1] / "rates.txt").read_text()
"""
MAP = """\
rules:
  - {paths: app.txt, tags: [app]}
tags: {app: all of it, tax: what the state gets}
missing_tags: warn
"""
BACKSTOP = {"full": "0s", "rolling": "1s"}


def test_an_escape_ends_in_culprit_missing_tag_and_rule(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the landings since it passed, the one that broke a test and did not declare its tag is named, with a patch."""
    kept = {name: part for name, part in yard.config().items() if name in ("trunk", "git", "gate", "checks")}
    monkeypatch.setattr(yard, "config", lambda: {**kept, "backstop": BACKSTOP})
    yard.start()
    tree = yard.clones["ada"]
    for path, text in (("rates.txt", "19\n"), ("tests/test_tax.py", TAX), (".buildbot-cd.yaml", MAP)):
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
    (incident,) = yard.site.get("cd/incidents")["incidents"]
    assert (incident["cause"], incident["landing"], incident["state"]) == ("escape", 2, "open")
    assert incident["test"] == "pytest:tests/test_tax.py::test_rate"
    argv = [sys.executable, "-c", "import sys; from buildbot_cd.cli.main import main; sys.exit(main())"]
    argv += ["escapes", "1", "--patch", "--master", yard.site.url]
    patch = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    git(tree, "apply", "-", stdin=patch)
    assert "tags: [tax]" in (tree / ".buildbot-cd.yaml").read_text()
    assert yard.landing(2)["state"] == "live"


def states(yard: Yard) -> list[str]:
    """Of all escapes."""
    return [one["state"] for one in yard.site.get("cd/escapes")["escapes"]]
