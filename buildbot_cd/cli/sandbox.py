# SPDX-License-Identifier: GPL-2.0-only
"""What an engineer's checkout says without a master: its map, its tests, its change."""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from buildbot_cd.config import RepositoryConfig, parse_repository
from buildbot_cd.core.selection import Change, FunctionMap, Test, UnitChange, test_of
from buildbot_cd.core.selection.trailers import split_tags
from buildbot_cd.core.wire import Joiner
from buildbot_cd.errors import CdError

MAP = ".buildbot-cd.yaml"


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that collects."""
    parser.add_argument("--python", default="python3", help="the project's interpreter, with its pytest (%(default)s)")
    parser.add_argument("--top", type=Path, help="the checkout (the one that the working directory lies in)")


@dataclass(frozen=True)
class Sandbox:
    """A checkout."""

    top: Path
    python: str

    @classmethod
    def of(cls, given: argparse.Namespace) -> Sandbox:
        """The checkout that the command line means. Raises CdError if it is none."""
        start = given.top or Path.cwd()
        top = Path(_git(start, "rev-parse", "--show-toplevel").strip())
        return cls(top, str(given.python))

    def repository(self) -> RepositoryConfig:
        """Its map; the defaults if it has none. Raises ConfigErrors with file and line."""
        path = self.top / MAP
        return parse_repository(path.read_text("utf-8"), MAP) if path.exists() else parse_repository("", MAP)

    def files(self) -> list[str]:
        """All files that git knows or would add."""
        return _git(self.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").rstrip("\0").split("\0")

    def collect(self, repository: RepositoryConfig) -> list[Test]:
        """Its tests. Raises CdError with the reasons if something cannot be collected."""
        suite = repository.tests
        name = "pytest_stream.py" if suite.runner == "pytest" else "junit_stream.py"
        request = {"runner": suite.runner, "list": suite.list, "run": suite.run}
        with resources.as_file(resources.files("buildbot_cd.worker.tests").joinpath(name)) as path:
            roots = ["--", *suite.roots] if suite.runner == "pytest" else []
            done = _call([self.python, str(path), "collect", *roots], self.top, json.dumps(request))
        joiner, tests, broken = Joiner(), [], []
        for line in done.stdout.splitlines():
            event: dict[str, Any] = joiner.feed(line) or {}
            if event.get("event") == "test":
                tests.append(test_of(event))
            elif event.get("event") == "error":
                broken.append(f"{event.get('path') or 'collection'}: {str(event.get('text') or '').strip()}")
        if broken:
            raise CdError("\n".join(["these tests cannot be collected:", *broken]))
        if done.returncode and not tests:
            raise CdError(f"collecting ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return tests

    def change(self, base: str | None, tags: str) -> Change:
        """What was changed since ``base``, committed or not, new files too.

        Without a base it is where the branch left its upstream, or HEAD if it has none.
        """
        if base is None:
            ahead = subprocess.run(
                ["git", "merge-base", "HEAD", "@{upstream}"], cwd=self.top, capture_output=True, text=True, check=False
            )
            base = ahead.stdout.strip() if ahead.returncode == 0 else "HEAD"
        files = _git(self.top, "diff", "--name-only", "--no-renames", "-z", base, "--").split("\0")
        files += _git(self.top, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
        messages = _git(self.top, "log", "-z", "--format=%B", f"{base}..HEAD", "--").split("\0")
        named = tuple(dict.fromkeys(one for one in files if one))
        return Change(named, tuple(one for one in messages if one), tuple(split_tags(tags)), base)

    def units(self, change: Change, known: FunctionMap) -> UnitChange:
        """Which functions and files the change touches. Raises CdError if the program that compares them fails."""
        found = UnitChange()
        if not known.tests:
            return found
        with resources.as_file(resources.files("buildbot_cd.worker.tests").joinpath("changed_units.py")) as path:
            request = {"base": change.base, "imported": known.imported}
            done = _call([self.python, str(path)], self.top, json.dumps(request))
        joiner = Joiner()
        for line in done.stdout.splitlines():
            found.note(joiner.feed(line) or {})
        if not found.whole:
            raise CdError(f"comparing the changed files ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return found

    def durations(self, given: Path | None) -> dict[str, float]:
        """Seconds by nid, from a JSON file of pytest's ids; empty if there is none."""
        path = given or self.top / ".test_durations"
        if given is None and not path.exists():
            return {}
        try:
            value = json.loads(path.read_text("utf-8"))
            return {f"pytest:{nid}": float(seconds) for nid, seconds in value.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise CdError(f"{path} is no JSON object of test ids and seconds: {error}") from error


def _git(folder: Path, *words: str) -> str:
    done = _call(["git", *words], folder)
    if done.returncode:
        raise CdError(f"git {words[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _call(argv: list[str], folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, cwd=folder, input=given, capture_output=True, text=True, check=False, errors="replace"
        )
    except OSError as error:
        raise CdError(f"{argv[0]} cannot be called: {error}; name another one with --python") from error
