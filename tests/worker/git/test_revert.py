# SPDX-License-Identifier: GPL-2.0-only
"""Verb revert: what trunk looks like afterwards, for every kind of change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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


def test_dependents_go_along_and_the_cause_is_named(server: Repository, revert: Ask) -> None:
    """Message, trailers and answer say which landing, which commits and which paths."""
    green = server.commit({"f": LINES})
    bad = server.commit({"f": _edit(3, "bad")}, message="Bad one")
    depends = server.commit({"f": _edit(3, "bad, but better")}, message="Needs it")
    free = server.commit({"g": "1"})
    answer = revert(green, [(1, green, bad)], [(2, bad, depends), (3, depends, free)])
    assert server.files(answer["sha"]) == {"f": LINES, "g": "1"}
    assert answer["evicted"] == [{"id": 2, "paths": ["f"]}]
    assert answer["also"] == [depends]
    text = server.git("log", "-1", "--format=%B", answer["sha"])
    assert f"- {depends[:12]} Needs it (landing 2: f)" in text
    assert f"CD-Also-Reverts: {depends} (landing 2: f)" in text
    assert f"git cherry-pick {bad} {depends}" in text


def _chain(server: Repository, length: int, who: Callable[[int], str]) -> tuple[str, list[tuple[int, str, str]]]:
    green = server.commit({"f": LINES})
    rows, base = [], green
    for number in range(length):
        head = server.commit({"f": _edit(3, f"version {number}")}, author=who(number))
        rows.append((number + 1, base, head))
        base = head
    return green, rows


def test_the_cascade_has_a_cap_and_the_prepared_revert_is_offered(server: Repository, revert: Ask) -> None:
    """Four dependents are more than three: trunk stays, and the revert waits under a ref for a person."""
    green, rows = _chain(server, 5, lambda _: "Grace <grace@example.org>")
    tip = server.tip()
    answer = revert(green, rows[:1], rows[1:])
    assert (answer["refused"], answer["max_cascade"]) == ("cascade", 3)
    assert server.tip() == tip
    offered = answer["prepared"]
    assert server.tip(offered["ref"]) == offered["sha"]
    assert server.git("rev-parse", f"{offered['sha']}^") == tip
    assert server.tree(offered["sha"]) == server.tree(green)


def test_the_cascade_has_a_cap_of_other_engineers(server: Repository, revert: Ask) -> None:
    """Three others would lose work: that is for a person to decide. The engineer's own later work does not count."""
    green, rows = _chain(server, 4, lambda number: f"E{number} <e{number}@example.org>")
    answer = revert(green, rows[:1], rows[1:])
    assert answer["refused"] == "cascade"
    assert answer["engineers"] == ["e1@example.org", "e2@example.org", "e3@example.org"]
    assert revert(green, rows[:1], rows[1:], max_engineers=3)["also"] == [head for _, _, head in rows[1:]]


def test_an_automatic_revert_is_never_reverted(server: Repository, revert: Ask) -> None:
    """Asked to take its own revert back, the program refuses."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    own = revert(green, [(1, green, bad)])["sha"]
    answer = revert(green, [(2, bad, own)], key="trunk/2/revert/1.0")
    assert answer == {"refused": "auto-revert", "sha_refused": own}
    assert server.tip() == own


def test_forged_trailers_protect_nobody(server: Repository, revert: Ask) -> None:
    """A commit that only says it is the gate's revert is taken back like any other."""
    green = server.commit({"a": "1"})
    text = f"Oh\n\nCD-Auto-Revert: test\nCD-Reverts: {green}\nCD-Reverts-Entry: trunk/1/revert/1.0"
    bad = server.commit({"a": "2"}, message=text, author="CD Gate <cd@example.org>")
    answer = revert(green, [(1, green, bad)])
    assert server.tree(answer["sha"]) == server.tree(green)
    assert "adopted" not in answer


def test_forged_trailers_take_nobody_along(server: Repository, revert: Ask) -> None:
    """A commit that claims to have taken another landing back does not remove that landing from the replay."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    good = server.commit({"b": "1"})
    forged = server.commit(
        {"c": "1"}, message=f"x\n\nCD-Auto-Revert: test\nCD-Reverts: {good}\nCD-Also-Reverts: {good}"
    )
    answer = revert(green, [(1, green, bad)], [(2, bad, good), (3, good, forged)])
    assert server.files(answer["sha"]) == {"a": "1", "b": "1", "c": "1"}


def test_a_change_that_a_person_took_back_needs_no_revert(server: Repository, revert: Ask) -> None:
    """Trunk looks right already: nothing is pushed."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    human = server.commit({"a": "1"}, message='Revert "Add a discount"')
    answer = revert(green, [(1, green, bad)], [(2, bad, human)])
    assert answer["already"] is True
    assert server.tip() == human


def test_a_change_that_a_person_took_back_and_brought_back(server: Repository, revert: Ask) -> None:
    """The second try is a landing of its own and stays, to be tested on its own."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    human = server.commit({"a": "1"})
    again = server.commit({"a": "2"})
    answer = revert(green, [(1, green, bad)], [(2, bad, human), (3, human, again)])
    assert answer["already"] is True
    assert server.tip() == again


def test_shadow_mode_pushes_nothing(server: Repository, revert: Ask) -> None:
    """The answer tells what would be done; no ref moves."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    answer = revert(green, [(1, green, bad)], shadow=True)
    assert answer["shadow"] is True
    assert answer["would"]["tree"] == server.tree(green)
    assert server.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert server.tip() == bad


def test_the_same_request_gives_the_same_sha(server: Repository, revert: Ask, tmp_path: Any) -> None:
    """On another worker with an empty mirror too."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    here = revert(green, [(1, green, bad)], shadow=True)["would"]["sha"]
    there = revert(green, [(1, green, bad)], shadow=True, mirror=str(tmp_path / "other.git"))["would"]["sha"]
    assert here == there == revert(green, [(1, green, bad)])["sha"]


def test_a_push_that_merged_trunk_does_not_hide_the_landing_before_it(server: Repository, revert: Ask) -> None:
    """After `git pull && git push` it is off the first-parent line, and is taken back all the same."""
    green = server.commit({"a": "1"})
    bad = server.commit({"b": "1"})
    local = server.commit({"c": "1"}, parent=green, ref="refs/heads/local")
    pulled = server.commit({"b": "1"}, parent=local, merged=[bad])
    later = server.commit({"d": "1"})
    answer = revert(green, [(1, green, bad)], [(2, bad, pulled), (3, pulled, later)])
    assert server.files(answer["sha"]) == {"a": "1", "c": "1", "d": "1"}
    assert answer["evicted"] == []


def test_a_revert_off_the_first_parent_line_is_still_known(server: Repository, revert: Ask) -> None:
    """An engineer pulls the gate's revert and pushes: a later revert neither undoes it nor the work."""
    green = server.commit({"a": "1"})
    bad = server.commit({"b": "1"})
    own = revert(green, [(1, green, bad)])["sha"]
    local = server.commit({"c": "1"}, parent=bad, ref="refs/heads/local")
    pulled = server.commit({"b": None}, parent=local, merged=[own])
    worse = server.commit({"d": "1"})
    answer = revert(green, [(3, pulled, worse)], [(2, own, pulled)], key="trunk/3/revert/1.0", known_tip=worse)
    assert server.files(answer["sha"]) == {"a": "1", "c": "1"}


def test_tested_that_was_built_is_a_good_start(server: Repository, ask: Ask, revert: Ask) -> None:
    """The tested one is a candidate beside trunk; what it holds is not replayed twice, what it does not hold goes."""
    green = server.commit({"f": LINES})
    first = server.commit({"f": _edit(3, "bad")})
    good = server.commit({"f": _edit(20, "good", _edit(3, "bad"))})
    worse = server.commit({"g": "1"})
    revert(green, [(1, green, first)], [(2, first, good), (3, good, worse)])
    fixed = {"id": 2, "attempt": 1, "when": 1_700_100_000, "author": "CD Gate <cd@example.org>", "message": "good"}
    tested = ask("candidate", onto=green, base=first, head=good, **fixed)["sha"]
    answer = revert(tested, [(3, good, worse)], key="trunk/3/revert/1.0", known_tip=worse)
    assert answer["tree"] == server.tree(tested)
    assert server.files(answer["sha"]) == {"f": _edit(20, "good")}


def test_trunks_own_commits_return_after_a_revert(server: Repository, ask: Ask, revert: Ask) -> None:
    """What is pushed on the revert, with the queue decided, needs no built candidate."""
    green = server.commit({"a": "1"})
    bad = server.commit({"b": "1"})
    good = server.commit({"c": "1"})
    own = revert(green, [(1, green, bad)], [(2, bad, good)])["sha"]
    fixed = {"attempt": 1, "when": 1_700_100_000, "author": "CD Gate <cd@example.org>", "message": "x"}
    tested = ask("candidate", onto=green, base=bad, head=good, id=2, **fixed)["sha"]
    fresh = server.commit({"d": "1"})
    answer = ask("candidate", onto=tested, base=own, head=fresh, id=3, **fixed)
    assert answer == {"sha": fresh, "tree": server.tree(fresh), "synthetic": False}


def test_an_undecided_landing_keeps_trunks_commits_away(server: Repository, ask: Ask) -> None:
    """Equal trees are not enough: a commit that takes back an undecided one must not carry both into tested."""
    green = server.commit({"a": "1"})
    server.commit({"a": "2"})
    human = server.commit({"a": "1"})
    fresh = server.commit({"b": "1"})
    fixed = {"id": 3, "attempt": 1, "when": 1_700_100_000, "author": "CD Gate <cd@example.org>", "message": "x"}
    assert ask("candidate", onto=green, base=human, head=fresh, **fixed)["synthetic"] is True


def test_a_commit_that_nobody_knew_stays(server: Repository, revert: Ask) -> None:
    """It came after the request was made; the answer tells it, and it is still there."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    fresh = server.commit({"b": "1"})
    answer = revert(green, [(1, green, bad)])
    assert server.files(answer["sha"]) == {"a": "1", "b": "1"}
    (told,) = answer["unseen"]
    assert (told["sha"], told["parent"], told["evicted"], told["subject"]) == (fresh, bad, False, "A change")


def test_a_commit_that_nobody_knew_and_that_depends_goes(server: Repository, revert: Ask) -> None:
    """It is named as taken back along with the cause, once."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    fresh = server.commit({"a": "3"})
    answer = revert(green, [(1, green, bad)])
    (told,) = answer["unseen"]
    assert (told["sha"], told["evicted"], told["paths"]) == (fresh, True, ["a"])
    assert answer["also"] == [fresh]
    second = revert(green, [(2, bad, fresh)], key="trunk/2/revert/1.0")
    assert second["already"] is True
    assert server.tip() == answer["sha"]


def test_a_second_attempt_after_a_success_finds_it_done(server: Repository, revert: Ask) -> None:
    """The same key is adopted; another key for the same landing finds trunk right."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    first = revert(green, [(1, green, bad)])
    again = revert(green, [(1, green, bad)])
    other = revert(green, [(1, green, bad)], key="trunk/1/revert/2.0")
    assert again["adopted"] is True
    assert again["sha"] == first["sha"] == other["sha"] == server.tip()
    assert other["already"] is True


def test_a_rewritten_trunk_is_left_alone(server: Repository, revert: Ask) -> None:
    """If trunk does not hold what it held, people have to look."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    rewritten = server.commit({"a": "3"}, parent=green)
    assert "rewritten" in revert(green, [(1, green, bad)])["refused"]
    assert server.tip() == rewritten


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bad", []),
        ("bad", [{"id": "a b", "base": None, "head": "1" * 40}]),
        ("tested", "main"),
        ("author", "nobody"),
        ("when", "now"),
        ("trailers", [["a b", "c"]]),
        ("key", "two\nlines"),
        ("max_cascade", -1),
    ],
)
def test_a_bad_request_names_the_key(server: Repository, revert: Ask, key: str, value: Any) -> None:
    """Exit code 2, before anything is done."""
    green = server.commit({"a": "1"})
    bad = server.commit({"a": "2"})
    assert key in revert(green, [(1, green, bad)], code=2, **{key: value})["error"]
    assert server.tip() == bad


def test_what_went_along_with_another_revert_is_not_named_again(server: Repository, revert: Ask) -> None:
    """Of a landing that was evicted in part, the rest is taken back: each commit is named by one revert."""
    green = server.commit({"f": LINES})
    bad = server.commit({"f": _edit(3, "bad")})
    lost = server.commit({"f": _edit(3, "bad, better")})
    rest = server.commit({"g": "1"})
    first = revert(green, [(1, green, bad)])
    assert first["also"] == [lost]
    second = revert(green, [(2, bad, rest)], key="trunk/2/revert/1.0")
    told = server.git("log", "-1", "--format=%(trailers:key=CD-Reverts,valueonly)", second["sha"])
    assert told.split() == [rest]
    assert server.tree(second["sha"]) == server.tree(green)


def test_a_withdrawn_change_does_not_come_back_with_the_revert_of_what_undid_it(
    server: Repository, revert: Ask
) -> None:
    """A person's commit undid a landing, which was withdrawn then; the revert of that commit must not restore it."""
    green = server.commit({"a": "1", "b": "1"})
    drawn = server.commit({"a": "2"})
    undoes = server.commit({"a": "1", "b": "bad"})
    first = revert(green, [(1, green, drawn)], [(2, drawn, undoes)])
    assert first["already"] is True
    second = revert(green, [(2, drawn, undoes)], key="trunk/2/revert/1.0")
    assert server.files(second["sha"]) == {"a": "1", "b": "1"}
