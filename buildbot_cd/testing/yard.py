# SPDX-License-Identifier: GPL-2.0-only
"""A yard: a real repository, a real master, real workers and a small fleet, with barriers at every stage.

Whatever has to stop at a certain point waits for a file there; so a test can kill the master exactly then.
"""

from __future__ import annotations

import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.cli.demo.workspace import Engineer, clone, git, install_hook
from buildbot_cd.testing.seen import Seen
from buildbot_cd.testing.yard_files import BARRIER, BUILD, CONFTEST, HOOK, RESTART, TESTS

ADA = Engineer("Ada", "ada@shop.example")
GRACE = Engineer("Grace", "grace@shop.example")
WORKERS = ("git-1", "deploy-1", "test-1", "test-2")


@dataclass
class Yard(Seen):
    """Everything of one test, below ``directory``."""

    directory: Path
    hosts: int = 6
    db_url: str = "sqlite:///state.sqlite"
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.site = Site(self.directory / "site", workers=WORKERS, db_url=self.db_url)
        self.repository = self.directory / "trunk.git"
        self.barriers = self.directory / "barriers"
        self.fleet = self.directory / "fleet"
        self.clones: dict[str, Path] = {}

    # -- making it

    def found(self) -> None:
        """The repository with its first commit, the clones, the hosts with their first release."""
        self.barriers.mkdir(parents=True)
        self._write(self.barriers / "barrier.py", BARRIER)
        self._write(self.barriers / "restart.py", RESTART)
        self._write(self.barriers / "restart.py.refused", "")
        self._write(self.barriers / "hook.py", HOOK)
        self.repository.mkdir()
        git(self.repository, "init", "--quiet", "--bare", "--initial-branch=main", ".")
        git(self.repository, "config", "core.hooksPath", str(self.repository / "hooks"))
        first = clone(self.repository, self.directory / "first", Engineer("The Shop", "shop@shop.example"))
        self._write(first / "app.txt", "first\n")
        self._write(first / "build.py", BUILD)
        self._write(first / "pytest.ini", "[pytest]\n")
        self._write(first / ".buildbot-cd.yaml", "rules:\n  - {paths: app.txt, tags: [app]}\ntags: {app: all of it}\n")
        self._write(first / "tests" / "conftest.py", CONFTEST)
        self._write(first / "tests" / "test_app.py", TESTS)
        git(first, "add", "--all")
        git(first, "commit", "--quiet", "-m", "The first")
        git(first, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        for one in (ADA, GRACE):
            self.clones[one.name.lower()] = clone(self.repository, self.directory / one.name.lower(), one)
        for name in self.host_names:
            release = self.fleet / name / "releases" / "r0"
            release.mkdir(parents=True)
            self._write(release / "app.txt", "first\n")
            self._write(release / ".complete", "")
            (self.fleet / name / "current").symlink_to("releases/r0")
        for hook, barrier in (("pre-receive", "push"), ("post-receive", "pushed")):
            install_hook(self.repository, hook, [sys.executable, str(self.barriers / "hook.py"), barrier])

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{barriers!r}", repr(str(self.barriers))), encoding="utf-8")

    @property
    def host_names(self) -> list[str]:
        """The fleet's hosts."""
        return [f"web-{number}" for number in range(1, self.hosts + 1)]

    def config(self) -> dict[str, Any]:
        """What cd.yaml says."""
        python = sys.executable
        return {
            "trunk": {"repository": str(self.repository), "branch": "main", "poll": "2s"},
            "git": {"worker": "git-1", "author": "Deploy <deploy@shop.example>", "python": python},
            "gate": {},
            "checks": [{"tests": {"runner": "pytest", "workers": ["test-1", "test-2"], "python": python}}],
            "release": {"worker": "deploy-1", "build": [python, "build.py"], "path": "dist/", "python": python},
            "fleet": {
                "transport": "local",
                "hosts": [
                    {"name": one, "address": f"127.0.9.{number}", "role": "web"}
                    for number, one in enumerate(self.host_names, 1)
                ],
                "root": str(self.fleet / "{name}"),
                "restart": [python, str(self.barriers / "restart.py"), "{name}", "{release}"],
            },
            "rollout": [{"stage": "canary", "hosts": 2}, {"stage": "fleet", "hosts": "all"}],
        }

    def start(self, more: str = "", **changes: Any) -> None:
        """Write the configuration, start the master and the workers, and wait for the first look at trunk.

        ``changes`` are sections of cd.yaml, ``more`` comes to the end of master.cfg.
        """
        self.site.prepare({**self.config(), **changes}, {"ada": "secret"}, more)
        self.site.start()
        self.until(lambda: self.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")

    # -- barriers

    def close(self, name: str) -> None:
        """From now on whoever comes to this barrier waits."""
        (self.barriers / name).touch()

    def open(self, name: str) -> None:
        """Let everybody through."""
        (self.barriers / name).unlink()

    def reached(self, name: str) -> None:
        """Wait until somebody stands at the barrier."""
        self.until((self.barriers / f"{name}.reached").exists, f"somebody at the barrier {name}")

    def lines(self, log: str) -> list[str]:
        """What was noted in a log so far."""
        path = self.barriers / log
        return path.read_text().splitlines() if path.exists() else []

    # -- engineers

    def push(self, who: str, text: str, message: str = "A change\n\nTags: app\n", path: str = "app.txt") -> str:
        """Append a line to a file, commit and push; returns the commit."""
        tree = self.clones[who]
        git(tree, "fetch", "--quiet", "origin")
        git(tree, "checkout", "--quiet", "--force", "-B", "main", "origin/main")
        with (tree / path).open("a") as file:
            file.write(text + "\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--file=-", stdin=message)
        git(tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        head = git(tree, "rev-parse", "HEAD").strip()
        self.hook(head)
        return head

    def hook(self, head: str) -> None:
        """Tell the master of a push, as a git server does; a master that is away learns of it by its own look."""
        fields = {
            "revision": head,
            "branch": "main",
            "repository": str(self.repository),
            "author": "x",
            "comments": "",
        }
        try:
            body = urllib.parse.urlencode(fields).encode()
            urllib.request.urlopen(f"{self.site.url}/change_hook/base", body, 10)  # noqa: S310 - own loopback
        except OSError:
            return

    # -- what can be seen

    def releases(self) -> set[str]:
        """What the hosts' `current` links lead to."""
        return {(self.fleet / name / "current").resolve().name for name in self.host_names}

    def commits(self) -> list[str]:
        """The subjects on trunk, newest first."""
        return git(self.repository, "log", "--format=%s", "main").splitlines()

    def tree(self, revision: str = "main") -> str:
        """The id of the tree of a revision."""
        return git(self.repository, "rev-parse", f"{revision}^{{tree}}").strip()
