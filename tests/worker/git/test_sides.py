# SPDX-License-Identifier: GPL-2.0-only
"""What one push brought through the side of a merge, and a later pull put on trunk's own line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.testing.repositories import Repository

    Ask = Callable[..., dict[str, Any]]


def test_the_side_of_a_merge_that_was_taken_back_is_no_stranger_on_trunks_line(server: Repository, revert: Ask) -> None:
    """Ada's merge brings Radia's commit; Radia's pull makes it first parent. Neither revert keeps or finds it anew."""
    green = server.commit({"a": "1"})
    shared = server.commit({"shared": "bad"}, parent=green, ref="refs/heads/radia")
    own = server.commit({"own": "1"}, parent=green, ref="refs/heads/ada")
    merge = server.commit({"own": "1", "shared": "bad"}, parent=own, merged=[shared])
    mine = server.commit({"mine": "1"}, parent=shared, ref="refs/heads/radia")
    pulled = server.commit({"mine": "1", "own": "1"}, parent=mine, merged=[merge])
    first = revert(green, [(1, green, merge)], [(2, merge, pulled)])
    assert server.files(first["sha"]) == {"a": "1", "mine": "1"}
    text = server.git("log", "-1", "--format=%(trailers:key=CD-Reverts-Range,valueonly)", first["sha"])
    assert text.strip() == f"{green}..{merge}"

    last = server.commit({"z": "bad"}, parent=first["sha"])
    second = revert(green, [(3, first["sha"], last)], [(2, merge, pulled)])
    assert second["unseen"] == []
    assert server.files(second["sha"]) == {"a": "1", "mine": "1"}
