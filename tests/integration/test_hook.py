# SPDX-License-Identifier: GPL-2.0-only
"""A real push over a real hook to a real master: who pushed, and why it is urgent, reach the gate's rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.cli.demo.workspace import git, install_hook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

CLOSED = """
from twisted.cred.checkers import FilePasswordDB
c["www"]["change_hook_auth"] = [FilePasswordDB("hook.passwd")]
"""


def push(yard: Yard, clone: str, who: str, text: str, options: Sequence[str] = ()) -> str:
    """Push from somebody's clone as ``who`` is known to the git server; the commit."""
    tree = yard.clones[clone]
    git(tree, "fetch", "--quiet", "origin")
    git(tree, "checkout", "--quiet", "--force", "-B", "main", "origin/main")
    (tree / f"{text}.txt").write_text(f"{text}\n")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", f"{text}\n\nTags: app")
    words = [word for one in options for word in ("-o", one)]
    git(tree, "push", "--quiet", *words, "origin", "HEAD:refs/heads/main", settings={"CD_PUSHER": who})
    return git(tree, "rev-parse", "HEAD").strip()


def test_who_pushed_and_an_emergency_reach_the_rules(yard: Yard) -> None:
    """The engineer is who authenticated, not who committed; only who may hurry passes those that wait."""
    people = {"engineers": [{"name": "ruth", "addresses": ["ruth@shop.example"]}], "emergency": {"people": ["ruth"]}}
    secret = yard.directory / "hook.token"
    secret.write_text("git:s3cret\n")
    (yard.directory / "hook.passwd").write_text("git:s3cret\n")
    yard.start(
        CLOSED.replace('"hook.passwd"', repr(str(yard.directory / "hook.passwd"))), gate=people, trunk=rare(yard)
    )
    options = ["--master", yard.site.url, "--token-file", str(secret), "--limit", "20"]
    argv = [sys.executable, "-m", "buildbot_cd.cli.commands.hook", "post-receive", *options]
    install_hook(yard.repository, "post-receive", argv)
    git(yard.repository, "config", "receive.advertisePushOptions", "true")

    yard.close("test_number[3]")
    push(yard, "ada", "ada@shop.example", "first")
    yard.reached("test_number[3]")
    push(yard, "grace", "Mary@Shop.example", "waits")
    refused = push(yard, "grace", "mary@shop.example", "forged", ["cd.emergency=no right to"])
    urgent = push(yard, "grace", "ruth@shop.example", "urgent", ["cd.emergency=INC-7"])
    yard.until(lambda: len(known(yard)) == 4, "all pushes to be landings")
    assert [known(yard)[n][0] for n in (1, 2, 3, 4)] == [
        "ada@shop.example",
        "mary@shop.example",
        "mary@shop.example",
        "ruth",
    ]
    assert known(yard)[3] == ("mary@shop.example", refused, 0, "")
    assert known(yard)[4][1] == urgent
    assert (known(yard)[4][2] > 0, known(yard)[4][3]) == (True, "INC-7")
    yard.open("test_number[3]")
    yard.comes_to("live", 4)
    assert yard.landing(2)["state"] not in ("live", "deploying")


def rare(yard: Yard) -> dict[str, str]:
    """Trunk with so rare a look of the gate's own that only the hook can have told."""
    return {"repository": str(yard.repository), "branch": "main", "poll": "1h"}


def known(yard: Yard) -> dict[int, tuple[str, str, int, str]]:
    """Each landing's engineer, head, priority and emergency."""
    rows = yard.rows("SELECT id, engineer, head, priority, emergency FROM cd_landing")
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}
