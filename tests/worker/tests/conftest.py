# SPDX-License-Identifier: GPL-2.0-only
"""A project of its own in a folder, and the program called on it as a worker calls it: another process, real pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import buildbot_cd.worker.tests
from buildbot_cd.core.wire import Joiner, spread

PROGRAM = Path(buildbot_cd.worker.tests.__file__).parent / "pytest_stream.py"


@dataclass
class Said:
    """What the program said, and how it ended."""

    code: int
    events: list[dict[str, Any]]
    stderr: str = field(repr=False)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind."""
        return [one for one in self.events if one["event"] == kind]

    @property
    def outcomes(self) -> dict[str, str]:
        """By nid without file, the outcome of each result."""
        return {one["nid"].partition("::")[2] or one["nid"]: one["outcome"] for one in self.of("result")}


class Project:
    """A folder with test files."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def write(self, **files: str) -> None:
        """Write files; ``__`` in a name stands for ``/``, and .py is added."""
        for name, text in files.items():
            path = self.top / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def call(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Said:
        """Call the program in the folder."""
        clean = {name: one for name, one in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.top,
            env={**clean, **(env or {})},
            timeout=60,
            check=False,
        )
        return Said(done.returncode, events_in(done.stdout), done.stderr)

    def collect(self, *arguments: str) -> Said:
        """Collect."""
        return self.call("collect", "--", "-p", "no:cacheprovider", *arguments)

    def run(self, *nids: str, arguments: tuple[str, ...] = ()) -> Said:
        """Run these."""
        given = ("-p", "no:cacheprovider", *arguments)
        return self.call("run", "--tests", "-", "--", *given, stdin="\n".join(nids) + "\n")


def events_in(text: str) -> list[dict[str, Any]]:
    """The objects in lines; a line that is part of none fails the test."""
    joiner, found = Joiner(), []
    for line in text.splitlines():
        value = joiner.feed(line)
        assert value is not None or line.startswith("+"), f"no event: {line}"
        if value is not None:
            found += spread(value)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)
