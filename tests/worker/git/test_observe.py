# SPDX-License-Identifier: GPL-2.0-only
"""Verbs observe and diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]

NAMES = ["with space", "with\nnewline", "quote\"'", "-dash", "tab\t", "täg", "a; rm -rf $HOME `x`"]


def test_first_look_tells_only_the_tip(server: Repository, ask: Ask) -> None:
    """Without `since` there are no commits, only where trunk is."""
    tip = server.commit({"a": "1"})
    assert ask("observe", since=None) == {"tip": tip, "rewritten": False, "commits": []}


def test_new_commits_come_oldest_first_with_all_that_they_say(server: Repository, ask: Ask) -> None:
    """Parent, tree, people, subject, message, trailers and files are told."""
    old = server.commit({"a": "1", "gone": "x"})
    one = server.commit({"a": "2", "b": "1"}, message="One\n\nText\n\nTags: cart\nTags: signup\n")
    two = server.commit({"gone": None}, author="Ada <ada@example.org>", committer="Bob <bob@example.org>")
    answer = ask("observe", since=old)
    assert [commit["sha"] for commit in answer["commits"]] == [one, two]
    first, second = answer["commits"]
    assert first["parent"] == old
    assert first["tree"] == server.tree(one)
    assert first["subject"] == "One"
    assert first["trailers"] == {"Tags": ["cart", "signup"]}
    assert first["files"] == ["a", "b"]
    assert second["files"] == ["gone"]
    assert (second["author_name"], second["author_email"]) == ("Ada", "ada@example.org")
    assert second["committer_email"] == "bob@example.org"
    assert second["trailers"] == {}
    assert answer["tip"] == two


def test_mailmap_of_the_tip_gives_the_people(server: Repository, ask: Ask) -> None:
    """An old address becomes the one that .mailmap names."""
    old = server.commit({".mailmap": "Ada Lovelace <ada@new.org> <ada@old.org>\n"})
    server.commit({"a": "1"}, author="ada <ada@old.org>")
    (commit,) = ask("observe", since=old)["commits"]
    assert (commit["author_name"], commit["author_email"]) == ("Ada Lovelace", "ada@new.org")
    assert commit["committer_email"] == "ada@new.org"


def test_a_merge_is_one_step_with_all_its_files(server: Repository, ask: Ask) -> None:
    """Commits of the merged branch are not told one by one."""
    old = server.commit({"a": "1"})
    server.commit({"b": "1"}, parent=old, ref="refs/heads/topic")
    side = server.commit({"c": "1"}, ref="refs/heads/topic")
    merge = server.commit({"b": "1", "c": "1"}, merged=[side])
    (commit,) = ask("observe", since=old)["commits"]
    assert (commit["sha"], commit["parent"], commit["files"]) == (merge, old, ["b", "c"])


def test_a_push_that_merged_trunk_into_a_branch_is_one_step(server: Repository, ask: Ask) -> None:
    """Where the last seen tip is only the second parent, the step starts there all the same."""
    root = server.commit({"a": "1"})
    old = server.commit({"b": "1"})
    side = server.commit({"c": "1"}, parent=root, ref="refs/heads/topic")
    merge = server.commit({"b": "1"}, parent=side, merged=[old])
    (commit,) = ask("observe", since=old)["commits"]
    assert (commit["sha"], commit["parent"], commit["files"]) == (merge, old, ["c"])


def test_rewritten_trunk_is_told(server: Repository, ask: Ask) -> None:
    """A tip that does not hold `since` is a rewrite, whether its commits are known or not."""
    root = server.commit({"a": "1"})
    old = server.commit({"a": "2"})
    ask("observe", since=root)
    new = server.commit({"a": "3"}, parent=root)
    assert ask("observe", since=old) == {"tip": new, "rewritten": True, "commits": []}
    assert ask("observe", since="1" * 40)["rewritten"]


def test_a_revert_that_was_forced_away_before_anybody_saw_it_is_told(server: Repository, ask: Ask) -> None:
    """Trunk must hold what the gate has pushed to it, too: without it the change would be back, and nobody know."""
    old = server.commit({"a": "1"})
    pushed = server.commit({"a": "0"})
    assert ask("observe", since=old, holds=pushed)["holds"] == pushed
    assert ask("observe", since=pushed, holds=pushed)["holds"] == pushed
    later = server.commit({"b": "1"})
    assert not ask("observe", since=pushed, holds=pushed)["rewritten"]
    server.git("update-ref", "refs/heads/main", old)
    lost = {"tip": old, "rewritten": True, "commits": [], "lost": pushed}
    assert ask("observe", since=old, holds=pushed) == lost
    assert ask("observe", since=old, holds="1" * 40)["lost"] == "1" * 40
    assert ask("observe", since=later, holds=pushed)["rewritten"]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_come_through(server: Repository, ask: Ask, name: str) -> None:
    """A path is told as it is, whatever characters it has."""
    old = server.commit({"a": "1"})
    server.commit({name: "1"})
    (commit,) = ask("observe", since=old)["commits"]
    assert commit["files"] == [name]


def test_bytes_that_are_no_utf8_are_replaced(server: Repository, ask: Ask) -> None:
    """Message and path with stray bytes still give a valid answer."""
    old = server.commit({"a": "1"})
    server.commit({b"caf\xe9": "1"}, message=b"caf\xe9 \xff\n\nTags: \xfe\n")
    (commit,) = ask("observe", since=old)["commits"]
    assert commit["subject"] == "caf\ufffd \ufffd"
    assert commit["files"] == ["caf\ufffd"]
    assert commit["trailers"] == {"Tags": ["\ufffd"]}


def test_a_huge_message_comes_through(server: Repository, ask: Ask) -> None:
    """A message of a megabyte is no problem."""
    old = server.commit({"a": "1"})
    text = "Subject\n\n" + "x" * 1_000_000 + "\n"
    server.commit({"a": "2"}, message=text)
    assert ask("observe", since=old)["commits"][0]["message"].rstrip() == text.rstrip()


def test_diff_tells_files_and_messages_of_merged_branches(server: Repository, ask: Ask) -> None:
    """All commits of the range speak, oldest first."""
    old = server.commit({"a": "1"})
    side = server.commit({"b": "1"}, parent=old, ref="refs/heads/topic", message="Side\n\nTags: b")
    head = server.commit({"b": "1"}, merged=[side], message="Merge")
    answer = ask("diff", base=old, head=head)
    assert answer["files"] == ["b"]
    assert answer["messages"] == ["Side\n\nTags: b", "Merge"]
    assert answer["message"] == "Side\n\nTags: b\n\nMerge"


def test_diff_from_the_beginning(server: Repository, ask: Ask) -> None:
    """A root commit is compared with nothing."""
    head = server.commit({"a": "1"})
    assert ask("diff", base=None, head=head)["files"] == ["a"]


def _patch_ids(ask: Ask, since: str) -> list[str | None]:
    return [commit["patch_id"] for commit in ask("observe", since=since)["commits"]]


def test_a_change_made_once_more_has_the_same_patch_id(server: Repository, ask: Ask) -> None:
    """Wherever it stands by now; a commit without a change has none."""
    lines = "".join(f"line {number}\n" for number in range(30))
    old = server.commit({"f": lines})
    server.commit({"f": lines.replace("line 20\n", "new 20\n")})
    server.commit({"f": lines})
    server.commit({"f": "first\n" + lines})
    server.commit({"f": "first\n" + lines.replace("line 20\n", "new 20\n")}, message="Once more")
    server.commit({})
    first, back, _, again, nothing = _patch_ids(ask, old)
    assert first == again
    assert first != back
    assert nothing is None


def test_a_mended_change_has_another_patch_id(server: Repository, ask: Ask) -> None:
    """White space and the bytes of binary files count, since a mended indentation is a mended change."""
    old = server.commit({"f.py": "if x:\n    y\n", "b": b"\0a"})
    server.commit({"f.py": "if x:\n    y\n    z\n"}, parent=old)
    (first,) = _patch_ids(ask, old)
    server.commit({"f.py": "if x:\n    y\nz\n"}, parent=old)
    (second,) = _patch_ids(ask, old)
    server.commit({"b": b"\0b"}, parent=old)
    (third,) = _patch_ids(ask, old)
    server.commit({"b": b"\0c"}, parent=old)
    (fourth,) = _patch_ids(ask, old)
    assert len({first, second, third, fourth}) == 4


def test_a_merge_has_the_patch_id_of_its_step(server: Repository, ask: Ask) -> None:
    """It is that of all which the merge brings to trunk, as if it had been pushed as one commit."""
    root = server.commit({"a": "1"})
    side = server.commit({"b": "1"}, parent=root, ref="refs/heads/topic")
    side = server.commit({"b": "2"}, parent=side, ref="refs/heads/topic")
    server.commit({"b": "2"}, parent=root, merged=[side])
    (merge,) = _patch_ids(ask, root)
    server.commit({"b": "2"}, parent=root)
    assert _patch_ids(ask, root) == [merge]


def test_an_answer_stays_within_bounds(server: Repository, ask: Ask) -> None:
    """Ten messages of a megabyte do not travel at once; what is left out comes with the next look."""
    old = server.commit({"a": "1"})
    shas = [server.commit({"a": str(number)}, message="x" * 1_000_000) for number in range(2, 12)]
    answer = ask("observe", since=old)
    told = [commit["sha"] for commit in answer["commits"]]
    assert answer["truncated"] is True
    assert told == shas[: len(told)]
    rest = ask("observe", since=told[-1])
    assert told + [commit["sha"] for commit in rest["commits"]] == shas
    assert "truncated" not in rest
