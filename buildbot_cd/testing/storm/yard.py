# SPDX-License-Identifier: GPL-2.0-only
"""A yard in a storm: engineers who push, and faults that end processes with ``kill -9`` at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc as sa_errors

from buildbot_cd.cli.demo.workspace import Engineer, clone, git, install_hook
from buildbot_cd.errors import CdError, GitError
from buildbot_cd.testing.postgres import restart
from buildbot_cd.testing.storm.files import BUILD, SERVER, TESTS
from buildbot_cd.testing.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINEERS = tuple(
    Engineer(one, f"{one.lower()}@shop.example") for one in ("Ada", "Grace", "Mary", "Edith", "Joan", "Ida")
)
BUSY = 3
"""Landings that should be under way or wait at any moment, so that the faults always meet some."""

CATCH = 3.0
"""Seconds in which a git process of ours is waited for that can be killed."""


@dataclass
class Storm(Yard):
    """The yard, with six engineers, changes that fail in test, and what can be broken."""

    seed: int = 1
    done: Counter[str] = field(default_factory=Counter)
    subjects: dict[str, str] = field(default_factory=dict)
    """Subject of each change that trunk has taken, and its kind: good, or red (it fails a test)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dice = random.Random(self.seed)  # noqa: S311 - chance, not secrets
        self.number = 0

    # -- making it

    def found(self) -> None:
        """The yard's repository with tests and a build that know the two kinds of changes."""
        super().found()
        tree = self.directory / "first"
        for path, text in (("tests/test_app.py", TESTS), ("build.py", BUILD), ("parts/first.txt", "first\n")):
            self._write(tree / path, text)
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "-m", "Parts")
        git(tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        self._write(self.barriers / "server.py", SERVER)
        git(self.repository, "config", "core.logAllRefUpdates", "true")
        for hook in ("pre-receive", "post-receive"):
            install_hook(self.repository, hook, ["sh", "-c", f"exec python3 {self.barriers}/server.py {hook}"])
        for one in ENGINEERS:
            if one.name.lower() not in self.clones:
                self.clones[one.name.lower()] = clone(self.repository, self.directory / one.name.lower(), one)

    # -- engineers

    def land(self, kind: str) -> None:
        """Somebody pushes a change of this kind, through whatever the server and the storm do, until trunk has it."""
        who = self.dice.choice(ENGINEERS).name.lower()
        self.number += 1
        subject = f"Change {self.number} is {kind}"
        tree = self.clones[who]
        self._again(lambda: git(tree, "fetch", "--quiet", "origin"))
        git(tree, "checkout", "--quiet", "--force", "-B", "main", "origin/main")
        self._write(tree / "parts" / f"{who}-{self.number}.txt", f"{kind}\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "-m", f"{subject}\n\nTags: app")
        while not self._taken(tree):
            self._again(lambda: git(tree, "pull", "--quiet", "--rebase", "origin", "main"))
            self._push(tree)
        self.subjects[subject] = kind
        self.hook(git(tree, "rev-parse", "HEAD").strip())

    def _again(self, call: Callable[[], object]) -> None:
        """Try it until the server answers."""
        until = time.monotonic() + 60.0
        while True:
            try:
                call()
            except GitError:
                if time.monotonic() > until:
                    raise
            else:
                return

    def _taken(self, tree: Path) -> bool:
        """Whether trunk has what the clone has: after a push that was cut off, nobody knows before asking."""
        self._again(lambda: git(tree, "fetch", "--quiet", "origin"))
        try:
            git(tree, "merge-base", "--is-ancestor", "HEAD", "origin/main")
        except GitError:
            return False
        return True

    def _push(self, tree: Path) -> None:
        """One push; every fourth is killed at a random moment, with all that it has started."""
        argv = ["git", "push", "--quiet", "origin", "HEAD:refs/heads/main"]
        settings = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        with subprocess.Popen(
            argv, cwd=tree, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as push:
            with suppress(subprocess.TimeoutExpired):
                push.wait(self.dice.uniform(0.01, 0.12) if self.dice.random() < 0.25 else 20.0)
            if push.poll() is None:
                os.killpg(push.pid, signal.SIGKILL)
                self.done["kill -9 of an engineer's git push"] += 1

    # -- faults

    def fault(self, name: str) -> bool:
        """Do it, and count it if it hit something; False if it did not."""
        hit = getattr(self, f"_{name}")() is not False
        self.done[name.replace("_", " ")] += hit
        return hit

    def _master_killed(self) -> None:
        self.site.kill("master")
        self.site.begin_master()

    def _worker_killed(self) -> None:
        name = self.dice.choice(self.site.workers)
        self.site.kill(name)
        self.site.start_worker(name)

    def _git_killed(self) -> bool:
        """One process of those that the git worker runs now, the deepest one first: most often git itself."""
        until = time.monotonic() + CATCH
        while time.monotonic() < until:
            running = [pid for pid in below(self.site.processes["git-1"].pid) if "git" in command(pid)]
            if running:
                with suppress(ProcessLookupError):
                    os.kill(running[-1], signal.SIGKILL)
                    return True
            time.sleep(self.dice.uniform(0.001, 0.01))
        return False

    def _database_restarted(self) -> None:
        restart(self.db_url)

    def _server_refuses(self) -> None:
        self._server("refuse", self.dice.uniform(0.5, 2.0))

    def _server_hangs(self) -> None:
        self._server("hang", self.dice.uniform(0.5, 4.0))

    def _server_away(self) -> None:
        away = self.repository.with_name("away.git")
        self.repository.rename(away)
        time.sleep(self.dice.uniform(0.2, 1.5))
        away.rename(self.repository)

    def _server(self, how: str, seconds: float) -> None:
        """What the hooks do until then; the file holds the end, so nothing has to come back to open it."""
        self._write(self.barriers / "server.txt", f"{how} {time.time() + seconds}")

    # -- looking after it

    def tend(self) -> None:
        """What a person does beside a gate: start what has ended, and lift a halt once its reason is gone."""
        for name, process in list(self.site.processes.items()):
            if process.poll() is not None:
                self.done[f"{name} ended by itself"] += 1
                del self.site.processes[name]
                if name == "master":
                    self.site.begin_master()
                else:
                    self.site.start_worker(name)
        with suppress(OSError, CdError):
            for gate in self.site.get("cd/gates")["gates"]:
                if gate["mode"] == "halted":
                    self.done[f"halted: {gate['mode_reason'][:60]}"] += 1
                    self.call("cd/gates/trunk", "resume", reason="the storm is over")

    def call(self, path: str, method: str, **params: Any) -> Any:
        """One order over the master's own interface."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        url = f"{self.site.url}/api/v2/{path}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - own loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - own loopback
            return json.load(answer)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows; none while the database is away."""
        try:
            return self.rows(query)
        except sa_errors.OperationalError:
            return []

    def open_landings(self) -> int:
        """How many have not ended, as far as the gate knows."""
        ended = self.ask("SELECT count(*) FROM cd_landing WHERE state IN ('live', 'reverted', 'bypassed')")
        return len(self.subjects) - (int(ended[0][0]) if ended else 0)

    def at_rest(self) -> bool:
        """Every landing has ended, trunk was seen to its tip, and what was tested is live."""
        self.tend()
        tip = git(self.repository, "rev-parse", "main").strip()
        found = self.ask("SELECT trunk, tested, live FROM cd_gate")
        open_ones = self.ask("SELECT id FROM cd_intent WHERE state IN ('pending', 'started') AND kind <> 'observe'")
        return (
            bool(found)
            and not open_ones
            and found[0][0] == tip
            and found[0][1] == found[0][2]
            and self.open_landings() == 0
        )


def below(pid: int) -> list[int]:
    """The processes that this one has started, and theirs; the deepest last."""
    parents: dict[int, list[int]] = {}
    for one, parent in _processes():
        parents.setdefault(parent, []).append(one)
    found, at = [pid], 0
    while at < len(found):
        found += parents.get(found[at], [])
        at += 1
    return found[1:]


def _processes() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


def command(pid: int) -> str:
    """The command line of a process; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
