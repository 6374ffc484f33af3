# SPDX-License-Identifier: GPL-2.0-only
"""What others would run for a change: path rules by hand, a map by file, pytest-testmon."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.selection.projects import interpreter
from bench.selection.suite import surroundings
from buildbot_cd.core.selection.function_map import FILE, key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.selection.projects import Project
    from buildbot_cd.core.selection import FunctionMap, Test

DATA = ".testmondata"
TESTMON = ("-q", "--testmon")


def path_rules(tests: Sequence[Test], path: str) -> set[str]:
    """What a team writes by hand: ``cart.py`` wants the tests in files of that name; a test file itself; else all."""
    name = path.rpartition("/")[2].removesuffix(".py").lstrip("_")
    same = {test.nid for test in tests if test.path == path}
    own = {test.nid for test in tests if name and name in test.path.rpartition("/")[2]}
    return same or own or {test.nid for test in tests}


def file_map(known: FunctionMap, tests: Sequence[Test], path: str) -> set[str]:
    """The tests that ran anything of the file, also while it was imported; all if nobody did."""
    ran = set(known.ran(key(path, FILE))) | {test.nid for test in tests if test.path == path}
    return ran or {test.nid for test in tests}


class Testmon:
    """pytest-testmon with its defaults: its data is made at the revision before the change."""

    __test__ = False

    def __init__(self, project: Project, where: Path) -> None:
        self.project, self.where = project, where
        self._call()
        self.data = where.parent / f"{project.name}{DATA}"
        shutil.copy(where / DATA, self.data)
        (where / ".git" / "info" / "exclude").write_text(f"{DATA}*\n.pytest_cache\n")

    def chosen(self, tests: Sequence[Test]) -> set[str]:
        """The tests that it would run for the checkout as it is."""
        shutil.copy(self.data, self.where / DATA)
        said = self._call("--collect-only")
        named = {line.strip() for line in said.splitlines() if "::" in line}
        return {test.nid for test in tests if test.nid.removeprefix("pytest:") in named}

    def _call(self, *more: str) -> str:
        argv = [str(interpreter()), "-m", "pytest", *TESTMON, *more, *self.project.extra, *self.project.roots]
        done = subprocess.run(
            argv,
            cwd=self.where,
            env=surroundings(self.project),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        for left in ("-wal", "-shm"):
            (self.where / (DATA + left)).unlink(missing_ok=True)
        return done.stdout
