# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import Any

import pytest

from buildbot_cd.core.landing.ingest import pushes, seen_from
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.reland import patch_of

PEOPLE = People(
    {"ada@example.org": "ada", "ada@old.example.org": "ada", "ada-l": "ada"},
    frozenset({"web@git.example.org"}),
    frozenset({"ada"}),
)


@pytest.mark.parametrize(
    ("who", "committer", "author", "owner"),
    [
        (None, "Ada@Example.org", "bob@example.org", "ada"),
        ("ada-l", "bob@example.org", "bob@example.org", "ada"),
        ("carol", "bob@example.org", "bob@example.org", "carol"),
        ("", "bob@example.org", "ada@old.example.org", "bob@example.org"),
        (None, "web@git.example.org", "ada@old.example.org", "ada"),
        (None, "web@git.example.org", "web@git.example.org", "bot:web@git.example.org"),
        (None, "", "bob@example.org", "bob@example.org"),
        (None, "", " ", "unknown"),
    ],
)
def test_the_owner_is_who_pushed_else_who_committed_else_who_wrote(
    who: str | None, committer: str, author: str, owner: str
) -> None:
    """All addresses of an engineer are one engineer; a bot that commits for somebody hands the commit on."""
    push = None if who is None else Push("a", "b", who)
    assert PEOPLE.owner(push, committer, author) == owner


def commit(sha: str, parent: str, committer: str, **more: Any) -> dict[str, Any]:
    """A commit as the git program tells it."""
    return {"sha": sha, "parent": parent, "committer_email": committer, "subject": sha, "message": sha, **more}


def test_neighbouring_commits_of_one_engineer_come_together_under_any_address() -> None:
    """Two addresses are one landing; another engineer's commit, or a gap, parts them."""
    seen = seen_from(
        [
            commit("c1", "c0", "ada@example.org"),
            commit("c2", "c1", "ada@old.example.org"),
            commit("c3", "c2", "bob@example.org"),
            commit("c4", "c3", "ada@example.org"),
            commit("c6", "c5", "ada@example.org"),  # c5 was the gate's own revert
        ]
    )
    assert [(one.base, one.head, one.engineer) for one in pushes(seen, (), PEOPLE)] == [
        ("c0", "c2", "ada"),
        ("c2", "c3", "bob@example.org"),
        ("c3", "c4", "ada"),
        ("c5", "c6", "ada"),
    ]


def test_pushes_that_the_hook_told_are_landings_of_their_own() -> None:
    """Two pushes of one engineer are two landings, and one push of many authors is one."""
    seen = seen_from([commit(f"c{one}", f"c{one - 1}", f"author{one}@example.org") for one in range(1, 5)])
    told = (Push("c0", "c2", "ada-l"), Push("c2", "c3", "ada-l"))
    assert [(one.base, one.head, one.engineer) for one in pushes(seen, told, PEOPLE)] == [
        ("c0", "c2", "ada"),
        ("c2", "c3", "ada"),
        ("c3", "c4", "author4@example.org"),
    ]


def test_the_patch_of_a_landing_is_known_if_all_its_commits_are() -> None:
    """One commit keeps its patch-id; several have one name together, in their order."""
    assert patch_of(["p1"]) == "p1"
    assert patch_of(["p1", "p2"]) not in {patch_of(["p2", "p1"]), "p1", ""}
    assert patch_of(["p1", ""]) == patch_of([]) == ""
