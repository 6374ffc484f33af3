# SPDX-License-Identifier: GPL-2.0-only
"""Running a project's tests by the programs that workers get, and reading what they say."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import buildbot_cd.worker.tests
from bench.selection.projects import Project, interpreter
from buildbot_cd.core.selection import Entry, Test, UnitChange, test_of
from buildbot_cd.core.selection.function_map import packed
from buildbot_cd.core.wire import Joiner

PROGRAMS = Path(buildbot_cd.worker.tests.__file__).parent
LIMIT = 120.0
"""Seconds after which a suite hangs."""
BAD = frozenset({"failed", "error", "missing", "lost"})
QUIET = ("-p", "no:cacheprovider", "-p", "no:testmon", "-p", "no:randomly", "-q")


@dataclass
class Ran:
    """A run of the whole suite."""

    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    cpu: float = 0.0
    hung: bool = False

    @property
    def bad(self) -> set[str]:
        """The tests that did not end well."""
        return {nid for nid, one in self.outcomes.items() if one in BAD}


def surroundings(project: Project) -> dict[str, str]:
    """The environment of a run, the same each time."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **keep,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": project.path,
        "HYPOTHESIS_STORAGE_DIRECTORY": tempfile.gettempdir(),
    }


def collect(project: Project, where: Path) -> list[Test]:
    """The tests there."""
    argv = [str(interpreter()), str(PROGRAMS / "pytest_stream.py"), "collect", "--"]
    done = subprocess.run(
        [*argv, *QUIET, *project.extra, *project.roots],
        cwd=where,
        env=surroundings(project),
        capture_output=True,
        text=True,
        check=False,
    )
    return [test_of(one) for one in events(done.stdout) if one["event"] == "test"]


def run(project: Project, where: Path, tests: list[Test], *, recorded: bool) -> Ran:
    """Run these tests in one process."""
    argv = [str(interpreter()), str(PROGRAMS / "pytest_stream.py"), "run", "--tests", "-"]
    argv += ["--ran", str(PROGRAMS / "pytest_ran.py")] if recorded else []
    argv += ["--", *QUIET, *project.extra]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = Ran()
    try:
        done = subprocess.run(
            argv,
            cwd=where,
            env=surroundings(project),
            input="".join(one.nid + "\n" for one in tests),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        ran.hung = True
        return ran
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for event in events(done.stdout):
        _note(ran, event)
    return ran


def _note(ran: Ran, event: dict[str, Any]) -> None:
    kind, nid = event["event"], str(event.get("nid"))
    if kind == "result":
        ran.outcomes[nid], ran.seconds[nid] = event["outcome"], event["seconds"]
    elif kind in {"missing", "lost"}:
        ran.outcomes[nid] = kind
    elif kind == "ran":
        ran.entries[nid] = Entry(packed(event["units"]), 0.0)
    elif kind == "error":
        ran.errors.append(str(event.get("path")))


def units(where: Path, base: str, imported: str) -> UnitChange:
    """What the checkout changes since ``base``."""
    done = subprocess.run(
        [str(interpreter()), str(PROGRAMS / "changed_units.py")],
        cwd=where,
        input=json.dumps({"base": base, "imported": imported}),
        capture_output=True,
        text=True,
        check=False,
    )
    change = UnitChange()
    for event in events(done.stdout):
        change.note(event)
    if not change.whole:
        raise RuntimeError(done.stderr)
    return change


def events(text: str) -> list[dict[str, Any]]:
    """The objects in lines."""
    joiner = Joiner()
    return [value for line in text.splitlines() if (value := joiner.feed(line)) is not None]
