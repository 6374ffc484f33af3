# SPDX-License-Identifier: GPL-2.0-only
"""Verb revert: what trunk looks like afterwards, for every kind of change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]

LINES = "".join(f"line {number}\n" for number in range(40))


def _edit(number: int, word: str, text: str = LINES) -> str:
    return text.replace(f"line {number}\n", f"{word}\n")


def _raw(server: Repository, *rows: str, ref: str = "refs/heads/main") -> str:
    """A commit made of fast-import's own lines, for modes that need it."""
    head = [f"commit {ref}", "committer Grace Hopper <grace@example.org> 1700000999 +0000", "data 1", "x"]
    before = server.tip(ref)
    script = "\n".join([*head, *([f"from {before}"] if before else []), *rows, ""])
    server.git("fast-import", "--quiet", input_=script.encode())
    return str(server.tip(ref))


def test_a_commit_on_top_is_taken_back(server: Repository, revert: Ask) -> None:
    """Trunk grows by one commit with the tree from before, and the gate's ref names it."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2", "b": "1"})
    answer = revert(green, [(1, green, bad)])
    assert server.tip() == answer["sha"] == answer["tip"] == server.tip("refs/cd/revert/1")
    assert server.git("rev-parse", f"{answer['sha']}^@") == bad
    assert server.tree(answer["sha"]) == server.tree(green) == answer["tree"]
    assert (answer["evicted"], answer["unseen"], answer["also"]) == ([], [], [])


def test_later_landings_stay(server: Repository, revert: Ask) -> None:
    """What came after the bad one and does not need it is still there."""
    green = server.commit({"f": LINES})
    bad = server.commit({"f": _edit(3, "bad")})
    one = server.commit({"f": _edit(20, "one", _edit(3, "bad"))})
    two = server.commit({"g": "new"})
    answer = revert(green, [(1, green, bad)], [(2, bad, one), (3, one, two)])
    assert server.files(answer["sha"]) == {"f": _edit(20, "one"), "g": "new"}


def test_a_merge_is_taken_back_whole(server: Repository, revert: Ask) -> None:
    """Both files of the merged branch go."""
    green = server.commit({"a": "1"})
    side = server.commit({"b": "1"}, parent=green, ref="refs/heads/topic")
    side = server.commit({"c": "1"}, parent=side, ref="refs/heads/topic")
    merge = server.commit({"b": "1", "c": "1"}, parent=green, merged=[side])
    after = server.commit({"d": "1"})
    answer = revert(green, [(1, green, merge)], [(2, merge, after)])
    assert server.files(answer["sha"]) == {"a": "1", "d": "1"}


def test_a_range_is_taken_back_in_one_commit(server: Repository, revert: Ask) -> None:
    """Each of its commits is named, oldest first."""
    green = server.commit({"a": "1"})
    shas = [server.commit({name: "1"}) for name in "bcd"]
    answer = revert(green, [(1, green, shas[-1])])
    assert server.files(answer["sha"]) == {"a": "1"}
    told = server.git("log", "-1", "--format=%(trailers:key=CD-Reverts,valueonly)", answer["sha"])
    assert told.split() == shas


def test_a_root_commit_is_taken_back(server: Repository, revert: Ask) -> None:
    """A push that merged a history of its own: the files which that history began with go."""
    green = server.commit({"a": "1"})
    other = server.commit({"lib/x": "1"}, root=True, ref="refs/heads/import")
    merge = server.commit({"lib/x": "1"}, parent=green, merged=[other])
    answer = revert(green, [(1, green, merge)])
    assert server.files(answer["sha"]) == {"a": "1"}


def test_trunk_that_begins_with_the_bad_commit(server: Repository, revert: Ask) -> None:
    """A root commit that is trunk itself is held by tested: it is refused, and nothing is pushed."""
    root = server.commit({"a": "1"})
    assert "tested holds it" in revert(root, [(1, None, root)])["refused"]
    assert server.tip() == root


def test_binary_files(server: Repository, revert: Ask) -> None:
    """The old bytes return, and a later binary file stays."""
    green = server.commit({"b": bytes(range(256))})
    bad = server.commit({"b": bytes(reversed(range(256)))})
    later = server.commit({"c": b"\0\1\2"})
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    assert server.raw("cat-file", "blob", f"{answer['sha']}:b") == bytes(range(256))
    assert server.raw("cat-file", "blob", f"{answer['sha']}:c") == b"\0\1\2"


def test_a_later_change_of_the_same_binary_file_depends(server: Repository, revert: Ask) -> None:
    """Binary files cannot be merged, so the later one goes too."""
    green = server.commit({"b": b"\0one"})
    bad = server.commit({"b": b"\0two"})
    later = server.commit({"b": b"\0three"})
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    assert answer["evicted"] == [{"id": 2, "paths": ["b"]}]
    assert server.tree(answer["sha"]) == server.tree(green)


def test_a_rename_is_taken_back_and_later_edits_follow(server: Repository, revert: Ask) -> None:
    """An edit made under the new name is kept under the old one."""
    green = server.commit({"old": LINES})
    bad = server.commit({"old": None, "new": LINES})
    later = server.commit({"new": _edit(20, "later")})
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    assert server.files(answer["sha"]) == {"old": _edit(20, "later")}


def test_an_edit_is_taken_back_under_the_name_that_a_later_rename_gave(server: Repository, revert: Ask) -> None:
    """The rename stays, the edit goes."""
    green = server.commit({"old": LINES})
    bad = server.commit({"old": _edit(3, "bad")})
    later = server.commit({"old": None, "new": _edit(3, "bad")})
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    assert server.files(answer["sha"]) == {"new": LINES}


def test_a_deletion_is_taken_back(server: Repository, revert: Ask) -> None:
    """The file is there again; a directory that became a file is a directory again."""
    green = server.commit({"gone": "x", "d/e": "y"})
    bad = server.commit({"gone": None, "d/e": None, "d": "file"})
    answer = revert(green, [(1, green, bad)])
    assert server.files(answer["sha"]) == {"gone": "x", "d/e": "y"}


def test_submodules_links_and_modes(server: Repository, revert: Ask) -> None:
    """They are entries of the tree like others: what they were, they are again."""
    blob = server.git("hash-object", "-w", "--stdin", input_=b"echo")
    link = server.git("hash-object", "-w", "--stdin", input_=b"target")
    green = _raw(server, f"M 160000 {'1' * 40} sub", f"M 100644 {blob} run", f"M 120000 {link} link")
    bad = _raw(server, f"M 160000 {'2' * 40} sub", f"M 100755 {blob} run", f"M 120000 {blob} link")
    later = _raw(server, f"M 160000 {'3' * 40} other")
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    rows = {row.split("\t")[1]: row.split()[:3] for row in server.git("ls-tree", answer["sha"]).splitlines()}
    assert rows["sub"] == ["160000", "commit", "1" * 40]
    assert rows["other"] == ["160000", "commit", "3" * 40]
    assert rows["run"][0] == "100644"
    assert rows["link"] == ["120000", "blob", link]


def test_submodules_that_moved_twice_depend(server: Repository, revert: Ask) -> None:
    """A pointer moved further by a later landing cannot be replayed without the bad one."""
    green = _raw(server, f"M 160000 {'1' * 40} sub")
    bad = _raw(server, f"M 160000 {'2' * 40} sub")
    later = _raw(server, f"M 160000 {'3' * 40} sub")
    answer = revert(green, [(1, green, bad)], [(2, bad, later)])
    assert answer["evicted"] == [{"id": 2, "paths": ["sub"]}]
