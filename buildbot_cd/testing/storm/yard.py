# SPDX-License-Identifier: GPL-2.0-only
"""A yard in a storm: engineers who push, and faults that end processes with ``kill -9`` at random moments."""

from __future__ import annotations

import json
import os
import random
import re
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
from buildbot_cd.testing.storm.figures import WATCH, Figures
from buildbot_cd.testing.storm.files import BUILD, RESTART, SERVER, SHORT_HOLDS, TESTS
from buildbot_cd.testing.storm.fleet import FleetWatch
from buildbot_cd.testing.storm.gate_rules import Freeze
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

CAPS = {"per_hour": 5, "per_day": 1000, "per_engineer": 3}
"""``gate.reverts``: so few that a long storm reaches them, and a person has to look."""

FREEZE = "a freeze in the storm"

BACKOFF = 2.0
"""Seconds of the first pause after trouble that is not a change's fault; with the usual 30 a storm is mostly pauses."""


@dataclass
class Storm(Yard):
    """The yard, with six engineers, changes that fail in test, and what can be broken."""

    seed: int = 1
    watched: bool = False
    """Whether the canaries' figures are watched, so that a change can be sore."""
    done: Counter[str] = field(default_factory=Counter)
    subjects: dict[str, str] = field(default_factory=dict)
    """Subject of each change that trunk has taken, and its kind: good, red (it fails a test), sick (it passes, and does
    not start in production), or sore (it starts, and fails visitors)."""
    files: dict[str, str] = field(default_factory=dict)
    """Subject of each change, and the file that it adds."""
    freezes: list[Freeze] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dice = random.Random(self.seed)  # noqa: S311 - chance, not secrets
        self.number = 0
        self.last = ""
        self.watch = FleetWatch(self.fleet / name for name in self.host_names)
        self.figures = Figures(self.fleet / name for name in self.host_names)

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
        self._write(self.barriers / "restart.py", RESTART.replace("{fleet!r}", repr(str(self.fleet))))
        git(self.repository, "config", "core.logAllRefUpdates", "true")
        git(self.repository, "config", "receive.autogc", "false")  # candidates are looked at when all is over
        for hook in ("pre-receive", "post-receive"):
            install_hook(self.repository, hook, ["sh", "-c", f"exec python3 {self.barriers}/server.py {hook}"])
        for one in ENGINEERS:
            if one.name.lower() not in self.clones:
                self.clones[one.name.lower()] = clone(self.repository, self.directory / one.name.lower(), one)

    def brew(self) -> None:
        """Start the master and the workers."""
        changes: dict[str, Any] = {"gate": {"reverts": CAPS}}
        if self.watched:
            canary = {"stage": "canary", "hosts": 3, "watch": WATCH}
            changes |= {"immune": self.figures.immune(), "rollout": [canary, {"stage": "fleet", "hosts": "all"}]}
        self.start(SHORT_HOLDS.format(backoff=BACKOFF), **changes)

    # -- engineers

    def land(self, kind: str) -> None:
        """Somebody pushes a change of this kind, through whatever the server and the storm do, until trunk has it."""
        # Never the same twice: what somebody pushed directly on a change of theirs is taken back along with it.
        who = self.last = self.dice.choice([name for one in ENGINEERS if (name := one.name.lower()) != self.last])
        self.number += 1
        subject = f"Change {self.number} is {kind}"
        file = f"{who}-{self.number}.txt"
        tree = self.clones[who]
        self._again(lambda: git(tree, "fetch", "--quiet", "origin"))
        git(tree, "checkout", "--quiet", "--force", "-B", "main", "origin/main")
        self._write(tree / "parts" / file, f"{kind}\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "-m", f"{subject}\n\nTags: app")
        while not self._taken(tree):
            self._again(lambda: git(tree, "pull", "--quiet", "--rebase", "origin", "main"))
            self._push(tree)
        self.subjects[subject], self.files[subject] = kind, f"parts/{file}"
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

    def _figures_away(self) -> None:
        self.figures.away_until = time.time() + self.dice.uniform(0.5, 3.0)

    def _gate_frozen(self) -> bool:
        """Somebody closes the gate, the master is killed, and what the next one says of the gate is kept."""
        if not self._ordered("freeze", reason=FREEZE, min_priority=5):
            return False
        begin = time.time()
        self._master_killed()
        shown = self.until(self._gate, "the next master to show the gate")
        beneath = shown.get("beneath") or {}
        known = FREEZE in (shown["why"], beneath.get("reason"), beneath.get("why"))
        self.freezes.append(Freeze(begin, time.time(), known))
        self.until(self._opened, "the gate to open")
        return True

    def _opened(self) -> bool:
        gate = self._gate()
        if gate and gate["mode"] != "open":
            self._ordered("resume", reason="the freeze is over")
        return bool(gate) and gate["mode"] == "open"

    def _gate(self) -> dict[str, Any]:
        """The gate as the master shows it; empty while it does not answer."""
        with suppress(OSError, CdError):
            found: dict[str, Any] = self.site.get("cd/gates")["gates"][0]
            return found
        return {}

    def _ordered(self, method: str, **params: Any) -> bool:
        """Give an order to the gate; whether it was carried out."""
        with suppress(OSError, CdError):
            return "error" not in self.call("cd/gates/trunk", method, **params)
        return False

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
        gate = self._gate()
        if gate and gate["mode"] == "halted" and self._ordered("resume", reason="looked at it"):
            self.done["halted: " + re.sub(r"\d+", "n", gate["why"])[:60]] += 1

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

    def keep_records(self) -> Path:
        """Write the gate's records beside the site, since the database goes with the storm; gives the file."""
        tables = ["cd_gate", "cd_slot", "cd_landing", "cd_transition", "cd_intent", "cd_rollout", "cd_rollout_host"]
        tables += ["cd_verdict"]
        found = {one: [list(row) for row in self.ask(f"SELECT * FROM {one}")] for one in tables}  # noqa: S608 - fixed
        file = self.directory / "records.json"
        file.write_text(json.dumps({**found, "done": self.done, "freezes": self.freezes}, default=str, indent=1))
        return file

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
