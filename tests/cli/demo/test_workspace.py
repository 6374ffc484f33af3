# SPDX-License-Identifier: GPL-2.0-only
"""The demo's directory: a repository that is always the same, and clones to work in."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from buildbot_cd.cli.demo import inventory, patches, workspace
from buildbot_cd.errors import FleetError, GitError


def test_founding_commit_is_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever founds the repository, and whatever git is told elsewhere, the commit is the same."""
    first = workspace.create_repository(tmp_path / "one.git")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert workspace.create_repository(tmp_path / "two.git") == first


def test_a_day_of_two_engineers(tmp_path: Path) -> None:
    """Both clones push through the hook; the one that is late is refused, rebases, and gets in."""
    made = workspace.create(tmp_path / "demo", hosts=2, hook=["/bin/sh", "-c", "cat >> hooked"], net=19)
    ada, grace = made.clones["ada"], made.clones["grace"]
    first = workspace.commit(ada, patches.new_product(ada))
    workspace.commit(grace, patches.new_greeting(grace))
    workspace.push(ada)
    with pytest.raises(GitError, match=r"push .* failed"):
        workspace.push(grace)
    second = workspace.rebase(grace)
    workspace.push(grace)
    assert workspace.sync(ada) == second
    assert [line.split()[1:] for line in (made.repository / "hooked").read_text().splitlines()] == [
        [first, "refs/heads/main"],
        [second, "refs/heads/main"],
    ]
    log = workspace.git(ada, "log", "-2", "--format=%an %(trailers:key=Tags,valueonly,separator=%x2C)")
    assert log.splitlines() == ["Grace pages", "Ada catalogue"]


def test_history_is_not_rewritten(tmp_path: Path) -> None:
    """The repository refuses a push that takes commits away."""
    made = workspace.create(tmp_path / "demo", hosts=1, net=19)
    ada = made.clones["ada"]
    workspace.commit(ada, patches.new_product(ada))
    workspace.push(ada)
    before = workspace.trunk_tree(made.repository)
    workspace.git(ada, "reset", "--hard", "HEAD~1")
    with pytest.raises(GitError):
        workspace.git(ada, "push", "--force", "origin", "HEAD:main")
    assert workspace.trunk_tree(made.repository) == before


def test_nothing_to_commit(tmp_path: Path) -> None:
    """A change that is there already is named."""
    made = workspace.create(tmp_path / "demo", hosts=1, net=19)
    ada = made.clones["ada"]
    workspace.commit(ada, patches.blue_button(ada))
    with pytest.raises(GitError, match=r"calmer button.* is there already"):
        workspace.commit(ada, patches.blue_button(ada))


def test_a_workspace_is_not_overwritten(tmp_path: Path) -> None:
    """A directory that holds a workspace is refused, with what to do."""
    workspace.create(tmp_path / "demo", hosts=1, net=19)
    with pytest.raises(GitError, match="remove it"):
        workspace.create(tmp_path / "demo", hosts=1, net=19)


def test_inventory_is_read_as_written(tmp_path: Path) -> None:
    """Names and addresses are all different, and survive the file."""
    entries = inventory.plan(800)
    inventory.write(tmp_path / "i.json", entries)
    assert inventory.read(tmp_path / "i.json") == entries
    assert len({host.address for host in entries}) == len({host.name for host in entries}) == 800


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name": "a", "address": 1, "role": "web"}]'])
def test_bad_inventory(tmp_path: Path, text: str) -> None:
    """What is no inventory is refused with the file's name."""
    (tmp_path / "i.json").write_text(text)
    with pytest.raises(FleetError, match=r"i\.json"):
        inventory.read(tmp_path / "i.json")


def test_a_taken_port_is_passed_over() -> None:
    """The port is free on every address, not only on the first."""
    entries = inventory.plan(3, net=18)
    with socket.create_server((entries[2].address, 0)) as taken:
        port = taken.getsockname()[1]
        assert inventory.free_port(entries, port) > port
