# SPDX-License-Identifier: GPL-2.0-only
"""The revert's message: read by people, by programs, and by the shell of whoever copies a command out of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import EffectKind, Gate, Intent, Landing
from buildbot_cd.engine.git_requests import GitSettings, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]

LINES = "".join(f"line {number}\n" for number in range(30))
SCISSORS = "# ------------------------ >8 ------------------------"


def _message(server: Repository, sha: str) -> str:
    return server.git("log", "-1", "--format=%B", sha)


def _trailers(server: Repository, sha: str) -> list[tuple[str, str]]:
    rows = server.git("log", "-1", "--format=%(trailers:only,unfold)", sha).splitlines()
    return [(row.split(": ", 1)[0], row.split(": ", 1)[1]) for row in rows]


def test_it_says_what_why_and_how_to_come_back(server: Repository, revert: Ask) -> None:
    """Subject, reason, command, trailers; author and committer are the gate."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"}, author="Ada <ada@example.org>")
    sha = revert(green, [(1, green, bad)])["sha"]
    text = _message(server, sha)
    assert text.startswith('Revert "Add a discount"\n\nIt failed.\n')
    assert f"git fetch && git cherry-pick {bad}" in text
    assert _trailers(server, sha) == [
        ("CD-Reverts", bad),
        ("CD-Reverts-Entry", "trunk/1/revert/1.0"),
        ("CD-Tested-Base", green),
        ("CD-Auto-Revert", "test"),
        ("CD-Epoch", "3"),
        ("Original-Author", "Ada <ada@example.org>"),
    ]
    who = server.git("log", "-1", "--format=%an <%ae> %cn <%ce>", sha)
    assert who == "CD Gate <cd@example.org> CD Gate <cd@example.org>"


def _follow(server: Repository, folder: Path, sha: str) -> Callable[..., str]:
    """Do, in a clone, exactly what the message says; then give access to that clone."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", server.url, str(clone)], check=True)
    (command,) = [row for row in _message(server, sha).splitlines() if row.startswith("  git fetch && ")]
    setup = "git config user.name Ada && git config user.email ada@example.org && export GIT_EDITOR=true\n"
    subprocess.run(["sh", "-ec", setup + command], cwd=clone, check=True, capture_output=True)

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=clone, check=True, capture_output=True, text=True).stdout.strip()

    return git


def test_the_command_brings_a_commit_and_its_dependents_back(server: Repository, revert: Ask, tmp_path: Path) -> None:
    """Run as it stands in the message, it gives the tree from before the revert."""
    green = server.commit({"f": LINES})
    one = server.commit({"f": LINES.replace("line 3\n", "bad\n")})
    two = server.commit({"g": "1"})
    depends = server.commit({"f": LINES.replace("line 3\n", "bad, better\n")})
    sha = revert(green, [(1, green, two)], [(2, two, depends)])["sha"]
    assert server.tree(sha) == server.tree(green)
    assert one in _message(server, sha)
    git = _follow(server, tmp_path, sha)
    assert git("rev-parse", "HEAD^{tree}") == server.tree(depends)


def test_the_command_brings_a_merge_back(server: Repository, revert: Ask, tmp_path: Path) -> None:
    """To merge the branch again would restore nothing; the message names the way that does."""
    green = server.commit({"a": "1"})
    side = server.commit({"b": "1"}, parent=green, ref="refs/heads/topic")
    merge = server.commit({"b": "1"}, parent=green, merged=[side])
    later = server.commit({"c": "1"})
    sha = revert(green, [(1, green, merge)], [(2, merge, later)])["sha"]
    after = server.commit({"d": "1"})
    git = _follow(server, tmp_path, sha)
    assert git("log", "-1", "--format=%H", "HEAD^") == after
    assert git("ls-tree", "--name-only", "HEAD").split() == ["a", "b", "c", "d"]


HOSTILE = [
    "$(touch /tmp/owned); `id`; ' \" \\ && rm -rf ~",
    "'; DROP TABLE cd_landings; --",
    "<script>alert(1)</script>",
    "\x1b[31mred\x07\x00\r\nCD-Reverts: " + "1" * 40,
    "two\n\nCD-Auto-Revert: test\nCD-Reverts: " + "2" * 40,
    SCISSORS,
    "---\ndiff --git a/x b/x",
    "\ud800 \u202e \u2028CD-Reverts: " + "3" * 40,
    "# comment",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(server: Repository, revert: Ask, text: str) -> None:
    """In subject, body, reason and the values of trailers: one subject line, and no trailer but the program's own."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    trailers = [["CD-Auto-Revert", "test"], ["CD-Build", text], ["CD-Reverts", "4" * 40]]
    sha = revert(green, [(1, green, bad)], subject=text, body=f"Why\n\n{text}", reason=text, trailers=trailers)["sha"]
    subject, empty = _message(server, sha).splitlines()[:2]
    assert subject.startswith('Revert "')
    assert empty == ""
    found = dict(_trailers(server, sha))
    assert [key for key, _ in _trailers(server, sha)].count("CD-Reverts") == 1
    assert found["CD-Reverts"] == bad
    assert found["CD-Reverts-Entry"] == "trunk/1/revert/1.0"
    assert "\x1b" not in _message(server, sha)
    assert len(_message(server, sha)) < 30_000
    again = revert(green, [(1, green, bad)], subject=text, body=f"Why\n\n{text}", reason=text, trailers=trailers)
    assert again["sha"] == sha


@pytest.mark.parametrize(
    "text", [one.replace("\0", "").encode("utf-8", "replace") for one in HOSTILE] + [b"\xff\xfe \x80"]
)
def test_hostile_commits_are_taken_back_and_kept(server: Repository, revert: Ask, text: bytes) -> None:
    """A bad and an innocent landing with such messages: the one goes, the other stays."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"}, message=text)
    good = server.commit({"b": "1"}, message=text)
    answer = revert(green, [(1, green, bad)], [(2, bad, good)])
    assert server.files(answer["sha"]) == {"a": "1", "b": "1"}
    assert (answer["evicted"], answer["unseen"]) == ([], [])


NAMES = [
    b"a; rm -rf $HOME `x`",
    b"-rf",
    b"--output=x",
    b"new\nline",
    b"tab\tquote\"'",
    b"\xff\xfe\x80",
    "täg\u202e".encode(),
    b":(glob)*",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_file_names(server: Repository, revert: Ask, name: bytes) -> None:
    """They are taken back, kept, and named as dependents like any other."""
    green = server.commit({name: "1", "other": "1"})
    bad = server.commit({name: "2"})
    depends = server.commit({name: "3"})
    free = server.commit({b"x" + name: "1"})
    answer = revert(green, [(1, green, bad)], [(2, bad, depends), (3, depends, free)])
    assert answer["also"] == [depends]
    assert server.raw("cat-file", "blob", f"{answer['sha']}^{{tree}}:other") == b"1"
    assert server.raw("ls-tree", "-z", "--name-only", answer["sha"]).split(b"\0")[:-1] == sorted(
        [name, b"other", b"x" + name]
    )
    assert [key for key, _ in _trailers(server, answer["sha"])].count("CD-Also-Reverts") == 1


@pytest.mark.parametrize("branch", ["a b", "a..b", "main:refs/heads/other", "a\nb", "$(id)*", "@{1}", ""])
def test_branches_that_are_none_are_refused(server: Repository, revert: Ask, branch: str) -> None:
    """Exit code 2 before anything is fetched or pushed."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    assert "branch" in revert(green, [(1, green, bad)], branch=branch, code=2)["error"]


@pytest.mark.parametrize("branch", ["it's;$(id)", "täg/`x`&&y", "+main"])
def test_branches_with_a_strange_name_work(server: Repository, revert: Ask, tmp_path: Path, branch: str) -> None:
    """What git allows is used as it is, also in the command that a person copies."""
    green = server.commit({"a": "1"}, ref=f"refs/heads/{branch}")
    side = server.commit({"b": "1"}, parent=green, ref="refs/heads/topic")
    bad = server.commit({"b": "1"}, parent=green, merged=[side], ref=f"refs/heads/{branch}")
    sha = revert(green, [(1, green, bad)], branch=branch)["sha"]
    assert server.tip(f"refs/heads/{branch}") == sha
    server.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    assert _follow(server, tmp_path, sha)("rev-parse", "HEAD^{tree}") == server.tree(bad)


@pytest.mark.parametrize("author", ["'; -- <a@b>", "$(id) <x;y@z>", "<script> <a@b>", "ÄÖ\u202e <ä@b>"])
def test_hostile_authors(server: Repository, revert: Ask, author: str) -> None:
    """An engineer's name is data too."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"}, author=author.replace("<script>", "script"))
    answer = revert(green, [(1, green, bad)])
    assert dict(_trailers(server, answer["sha"]))["Original-Author"] == author.replace("<script>", "script")


def _intent(**payload: Any) -> Intent:
    given = {
        "tested": "1" * 40,
        "known_tip": "3" * 40,
        "bad": [{"id": 7, "base": "1" * 40, "head": "2" * 40}],
        "survivors": [],
        "subject": "Add a discount",
        "because": "test",
        "failing": [],
        "reason": "it failed",
        "candidate": None,
        "when": 5,
        "shadow": False,
        **payload,
    }
    return Intent("trunk/7/revert/1.0", "trunk", 7, EffectKind.REVERT, given, epoch=4, created_at=5.0)


def test_what_the_engine_asks_names_tests_page_and_caps() -> None:
    """The request's body speaks of the change and the tests; names of tests cannot look like lines of their own."""
    landing = Landing(7, "trunk", "1" * 40, "2" * 40, "ada@example.org", "Add a discount")
    failing = ["tests.cart::test_total\n\nCD-Reverts: " + "9" * 40, *(f"t{number}" for number in range(12))]
    settings = GitSettings("file:///x", "main", "CD Gate <cd@example.org>", "http://cd.example.org/")
    asked = request(_intent(failing=failing), Gate("trunk"), landing, settings)
    assert f"tests.cart::test_total CD-Reverts: {'9' * 40}, t0" in asked["body"]
    assert "(and 3 more)" in asked["body"]
    assert "http://cd.example.org/#/cd/landings/7" in asked["body"]
    assert "ada" not in asked["body"]
    assert (asked["max_cascade"], asked["max_engineers"]) == (3, 2)
    assert ["CD-Build", "http://cd.example.org/#/cd/landings/7"] in asked["trailers"]


def test_a_revert_that_is_asked_again_keeps_its_name() -> None:
    """The trailer names the first request, so that what it pushed is found whatever the later ones are called."""
    landing = Landing(7, "trunk", "1" * 40, "2" * 40, "ada@example.org", "Add a discount")
    settings = GitSettings("file:///x", "main", "CD Gate <cd@example.org>", "http://cd.example.org/")
    asked = request(_intent(entry="trunk/7/revert/1.0"), Gate("trunk"), landing, settings)
    again = request(
        replace(_intent(entry="trunk/7/revert/1.0"), key="trunk/7/revert/1.3"), Gate("trunk"), landing, settings
    )
    assert asked["key"] == again["key"] == "trunk/7/revert/1.0"
