# SPDX-License-Identifier: GPL-2.0-only
"""Verb revert: what goes along, what stays, and what other people did to trunk before."""

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
