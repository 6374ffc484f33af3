# SPDX-License-Identifier: GPL-2.0-only
"""Verb candidate, and verb mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]

LINES = "".join(f"line {number}\n" for number in range(30))
FIXED = {"id": 7, "attempt": 1, "when": 1_700_100_000, "author": "CD Gate <cd@example.org>", "message": "B"}


def test_a_landing_on_the_tested_revision_is_its_own_candidate(server: Repository, ask: Ask) -> None:
    """Nothing is built and nothing is pushed in the all-green case."""
    base = server.commit({"a": "1"})
    head = server.commit({"a": "2"})
    answer = ask("candidate", onto=base, base=base, head=head, **FIXED)
    assert answer == {"sha": head, "tree": server.tree(head), "synthetic": False}
    assert server.git("for-each-ref", "refs/cd") == ""


def test_a_landing_on_the_tree_of_the_tested_revision_is_its_own_candidate(
    server: Repository, ask: Ask, revert: Ask
) -> None:
    """After a revert trunk's tree is the tested one again: what is pushed on it is tested as it was pushed."""
    tested = server.commit({"a": "1"})
    bad = server.commit({"a": "bad"})
    back = revert(tested, [(1, tested, bad)])["sha"]
    head = server.commit({"b": "good"})
    answer = ask("candidate", onto=tested, base=back, head=head, **FIXED)
    assert answer == {"sha": head, "tree": server.tree(head), "synthetic": False}
    assert server.git("for-each-ref", "refs/cd/candidate") == ""


def test_a_candidate_without_the_landing_before_it(server: Repository, ask: Ask) -> None:
    """Trunk is G A B; B on G has B's change and not A's, the same sha each time, and is published."""
    green = server.commit({"f": LINES})
    bad = server.commit({"f": LINES.replace("line 3\n", "bad\n")})
    head = server.commit({"f": LINES.replace("line 3\n", "bad\n").replace("line 20\n", "good\n")})
    first = ask("candidate", onto=green, base=bad, head=head, **FIXED)
    again = ask("candidate", onto=green, base=bad, head=head, **FIXED)
    assert first == again
    assert first["synthetic"] is True
    assert server.tip("refs/cd/candidate/7-1") == first["sha"]
    assert server.files(first["sha"]) == {"f": LINES.replace("line 20\n", "good\n")}
    assert server.git("rev-parse", f"{first['sha']}^@") == green
    assert server.git("log", "-1", "--format=%an %ae %ct", first["sha"]) == "CD Gate cd@example.org 1700100000"


def test_a_candidate_keeps_the_trailers_of_its_landing(server: Repository, ask: Ask) -> None:
    """The tags stay trailers, and those of the candidate join them."""
    green = server.commit({"a": "1"})
    bad = server.commit({"b": "1"})
    head = server.commit({"c": "1"})
    message = {**FIXED, "message": "B\n\nTags: cart\n"}
    sha = ask("candidate", onto=green, base=bad, head=head, **message)["sha"]
    text = server.git("log", "-1", "--format=%(trailers:only)", sha)
    assert text.splitlines() == ["Tags: cart", f"CD-Candidate-Base: {bad}", f"CD-Candidate-Head: {head}"]


@pytest.mark.parametrize("message", ["", "---\nx", "# only a comment", "a\n\nb: c\n# d\n", "\ud800\0", "x" * 300_000])
def test_hostile_messages_of_candidates(server: Repository, ask: Ask, message: str) -> None:
    """Whatever the message is, the candidate's own trailers are found again."""
    green = server.commit({"a": "1"})
    bad = server.commit({"b": "1"})
    head = server.commit({"c": "1"})
    sha = ask("candidate", onto=green, base=bad, head=head, **{**FIXED, "message": message})["sha"]
    assert f"CD-Candidate-Head: {head}" in server.git("log", "-1", "--format=%(trailers:only)", sha)


def test_a_landing_that_needs_a_reverted_one_conflicts(server: Repository, ask: Ask) -> None:
    """The paths are named, and nothing is pushed."""
    green = server.commit({"f": LINES})
    bad = server.commit({"f": LINES.replace("line 3\n", "bad\n")})
    head = server.commit({"f": LINES.replace("line 3\n", "bad but better\n")})
    assert ask("candidate", onto=green, base=bad, head=head, **FIXED) == {"conflict": ["f"]}
    assert server.git("for-each-ref", "refs/cd") == ""


def test_an_empty_candidate_is_said_to_be_empty(server: Repository, ask: Ask) -> None:
    """A landing whose change is there already gives a candidate with the same tree."""
    green = server.commit({"a": "1"})
    base = server.commit({"b": "1"})
    server.commit({"a": "2"}, parent=base)
    head = server.commit({"a": "1"})
    answer = ask("candidate", onto=green, base=base, head=head, **FIXED)
    assert answer["empty"] is True
    assert answer["tree"] == server.tree(green)


def test_a_root_commit_on_another_history(server: Repository, ask: Ask) -> None:
    """A landing from the beginning of history is replayed as additions only."""
    green = server.commit({"a": "1"})
    head = server.commit({"b": "1"}, root=True, ref="refs/heads/other")
    server.git("update-ref", "refs/cd/other", head)
    answer = ask("candidate", onto=green, base=None, head=head, **FIXED)
    assert server.files(answer["sha"]) == {"a": "1", "b": "1"}


def test_a_candidate_on_a_new_base_replaces_what_an_older_try_left(server: Repository, ask: Ask) -> None:
    """The same attempt on another base moves the ref."""
    green = server.commit({"a": "1"})
    base = server.commit({"b": "1"})
    other = server.commit({"c": "1"})
    head = server.commit({"d": "1"})
    ask("candidate", onto=green, base=other, head=head, **FIXED)
    second = ask("candidate", onto=base, base=other, head=head, **FIXED)
    assert server.tip("refs/cd/candidate/7-1") == second["sha"]


def test_a_fresh_mirror_gets_candidates_from_the_server(server: Repository, ask: Ask, tmp_path: Any) -> None:
    """Another worker can build on a candidate that only a ref of the gate names."""
    green, other, head, last = (server.commit({name: "1"}) for name in "abcd")
    first = ask("candidate", onto=green, base=other, head=head, **FIXED)["sha"]
    second = ask(
        "candidate", onto=first, base=head, head=last, **{**FIXED, "id": 8}, mirror=str(tmp_path / "elsewhere.git")
    )
    assert server.files(second["sha"]) == {"a": "1", "c": "1", "d": "1"}


def test_an_unknown_commit_is_an_error_that_names_it(server: Repository, ask: Ask) -> None:
    """Exit code 3, and the sha is in the text."""
    base = server.commit({"a": "1"})
    assert "1" * 40 in ask("candidate", code=3, onto=base, base=base, head="1" * 40, **FIXED)["error"]


def test_marks_move_by_compare_and_set(server: Repository, ask: Ask) -> None:
    """From nothing, forwards, backwards; twice is once; a wrong old value changes nothing."""
    one, two = server.commit({"a": "1"}), server.commit({"a": "2"})
    ref = "refs/cd/tested"
    assert ask("mark", ref=ref, new=two, old=None) == {"ok": True}
    assert ask("mark", ref=ref, new=two, old=None) == {"ok": True}
    assert ask("mark", ref=ref, new=one, old=two) == {"ok": True}
    assert ask("mark", ref=ref, new=two, old=None) == {"stale": one}
    assert ask("mark", ref=ref, new=two, old=two) == {"stale": one}
    assert server.tip(ref) == one


def test_a_candidates_ref_is_deleted_if_it_has_the_value_that_was_seen(server: Repository, ask: Ask) -> None:
    """A second time does no harm, a ref that was moved meanwhile stays, and no other mark can be deleted."""
    one, two = server.commit({"a": "1"}), server.commit({"a": "2"})
    ref = "refs/cd/candidate/7-1"
    assert ask("mark", ref=ref, new=one, old=None) == {"ok": True}
    assert ask("mark", ref=ref, new=None, old=two) == {"stale": one}
    assert ask("mark", ref=ref, new=None, old=one) == {"ok": True}
    assert ask("mark", ref=ref, new=None, old=one) == {"ok": True}
    assert ref not in server.git("for-each-ref", "--format=%(refname)")
    assert "new must be a full sha" in ask("mark", code=2, ref="refs/cd/live", new=None, old=one)["error"]


def test_a_mark_that_is_not_there_is_stale(server: Repository, ask: Ask) -> None:
    """Stale with null if the ref is gone."""
    one, two = server.commit({"a": "1"}), server.commit({"a": "2"})
    assert ask("mark", ref="refs/cd/live", new=two, old=one) == {"stale": None}


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/cd/../heads/main", "refs/cd/a:refs/heads/main", "-x", ""])
def test_marks_stay_under_their_folder(server: Repository, ask: Ask, ref: str) -> None:
    """No other ref can be forced with this verb."""
    one = server.commit({"a": "1"})
    assert "ref" in ask("mark", code=2, ref=ref, new=one, old=None)["error"]


def test_a_hook_that_refuses_a_mark_is_quoted(server: Repository, ask: Ask) -> None:
    """The server's words are in the answer."""
    one = server.commit({"a": "1"})
    server.hook("pre-receive", "echo marks are closed >&2; exit 1")
    assert "marks are closed" in ask("mark", ref="refs/cd/live", new=one, old=None)["refused"]
