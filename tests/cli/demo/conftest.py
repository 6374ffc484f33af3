# SPDX-License-Identifier: GPL-2.0-only
"""A small real fleet and clones of the sample shop, ended and removed behind each test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from buildbot_cd.cli.demo import hosts, inventory, workspace

LIMIT = 60.0


def run(*argv: str | Path, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, within the limit."""
    return subprocess.run(
        [str(part) for part in argv], cwd=cwd, check=check, capture_output=True, text=True, timeout=LIMIT
    )


@dataclass(frozen=True)
class Fleet:
    """Hosts that serve, and how to give them releases."""

    directory: Path
    entries: tuple[inventory.HostEntry, ...]
    inventory_file: Path
    port: int

    def release(self, tree: Path, name: str) -> None:
        """Put a tree's release onto every host and let `current` point to it, without a restart."""
        run("make", "dist", f"PYTHON={sys.executable}", cwd=tree)
        for host in self.entries:
            root = self.directory / host.name
            run("cp", "-R", tree / "dist", root / "releases" / name)
            new = root / "current.new"
            new.symlink_to(Path("releases") / name)
            new.replace(root / "current")

    def restart(self, number: int, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Restart one host as a rollout does."""
        host = self.entries[number]
        return run(
            *(sys.executable, "-m", "buildbot_cd.cli.demo.hosts", "restart", "--root", self.directory / host.name),
            *("--name", host.name, "--address", host.address, "--port", str(self.port)),
            check=check,
        )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The shop's sources as they are founded."""
    workspace.write_shop(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def fleet(tmp_path: Path, tree: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Three hosts that serve release r1."""
    entries = inventory.plan(3, net=21 + os.getpid() % 200)
    inventory.write(tmp_path / "inventory.json", entries)
    directory = tmp_path / "fleet"
    for host in entries:
        (directory / host.name / "releases").mkdir(parents=True)
    made = Fleet(directory, entries, tmp_path / "inventory.json", inventory.free_port(entries))
    try:
        made.release(tree, "r1")
        run(
            *(sys.executable, "-m", "buildbot_cd.cli.demo.hosts", "start-all", "--fleet", directory),
            *("--inventory", made.inventory_file, "--port", str(made.port)),
        )
        yield made
    finally:
        hosts.stop_all(directory)


@pytest.fixture
def shop_tests() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run the shop's own tests in a tree."""
    return lambda tree: run(
        *(sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:asyncio", "-p", "no:randomly"),
        cwd=tree,
        check=False,
    )
