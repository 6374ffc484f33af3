# SPDX-License-Identifier: GPL-2.0-only
"""Everything that a demo runs: repository and clones, master and workers, the fleet and its visitors.

All of it lives in one directory, listens on loopback only, and is ended by `Company.close`. What an earlier demo in the
same directory left behind, even one that was killed, is ended before a new one begins.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from buildbot_cd.cli.demo import founding, hosts, processes, workspace
from buildbot_cd.cli.demo.site import WORKERS, Site, template
from buildbot_cd.cli.demo.view import View
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Callable


MARK = "a buildbot-cd demo"
"""Name of the file that shows that a directory is ours to delete."""

PATIENCE = 5.0
TRY_SECONDS = 150.0


@dataclass
class Company:
    """A company that sells kitchenware; ``rate`` is its visitors' requests a second, over all hosts."""

    directory: Path
    hosts: int = 40
    rate: float = 200.0
    net: int = 1
    traffic: subprocess.Popen[bytes] | None = None
    passwords: dict[str, str] = field(default_factory=dict)
    _lock: int | None = None

    def __post_init__(self) -> None:
        self.directory = self.directory.resolve()
        self.site = Site(self.directory / "site", workers=WORKERS)

    @property
    def log(self) -> Path:
        """What the visitors saw, as JSON lines; see `traffic`."""
        return self.directory / "traffic.log"

    @property
    def view(self) -> View:
        """What the master says."""
        return View(self.site)

    def open(self, told: Callable[[str], None]) -> None:
        """Set everything up and let visitors in; ``told`` hears what is being done. Raises CdError."""
        self._clear()
        told("a repository, and a clone for each engineer")
        self.place = workspace.create(self.directory, hosts=self.hosts, net=self.net)
        self.passwords = {name: secrets.token_hex(8) for name in self.place.clones}
        told(f"{self.hosts} hosts, each a process on an address of its own, with the founding release")
        founding.found(self.place)
        told("a master on SQLite, 4 test workers, a git worker and a deploy worker")
        self.site.prepare(self.config(), self.passwords)
        workspace.install_hook(self.place.repository, "post-receive", self._hook())
        self.site.start()
        self.site.wait(lambda: self.view.gate().get("live"), "the gate's first look at trunk")
        told(f"visitors: {self.rate:.0f} requests a second")
        self._let_visitors_in()

    def config(self) -> dict[str, Any]:
        """cd.yaml: that of the ready master, with this demo's own paths, port and Python."""
        config: dict[str, Any] = yaml.safe_load((template("master") / "cd.yaml").read_text("utf-8"))
        address = f"http://{{address}}:{self.place.port}"
        config["trunk"]["repository"] = str(self.place.repository)
        for section in (config["git"], config["release"], config["checks"][0]["tests"]):
            section["python"] = sys.executable
        config["release"]["build"] = ["make", "dist", f"PYTHON={sys.executable}"]
        config["fleet"] |= {
            "hosts": {"file": str(self.place.inventory_file)},
            "root": str(self.place.fleet / "{name}"),
            "restart": founding.restart_command(self.place),
            "health": config["fleet"]["health"] | {"url": f"{address}/healthz"},
        }
        config["immune"]["source"]["scrape"] = f"{address}/metrics"
        return config

    def _hook(self) -> list[str]:
        url = f"{self.site.url}/change_hook/base"
        return [sys.executable, "-m", "buildbot_cd.cli.demo.pushed", url, str(self.place.repository)]

    def _let_visitors_in(self) -> None:
        argv = [sys.executable, "-m", "buildbot_cd.cli.demo.traffic", "--fleet", str(self.place.inventory_file)]
        argv += ["--port", str(self.place.port), "--rate", str(self.rate), "--log", str(self.log)]
        with (self.directory / "traffic.err").open("wb") as words:
            self.traffic = subprocess.Popen(
                [*argv, "--max-seconds", "86400"], stdout=words, stderr=words, start_new_session=True
            )

    def close(self) -> None:
        """End everything; nothing that was started here runs when this returns."""
        if self.traffic is not None:
            self.traffic.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.traffic.wait(PATIENCE)
            self.traffic.kill()
            self.traffic.wait()
            self.traffic = None
        self.site.stop()
        self._end_leftovers()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _clear(self) -> None:
        """An empty directory of ours, held by a lock. Raises CdError if it is somebody's else, or in use."""
        mark = self.directory / MARK
        if self.directory.is_dir() and any(self.directory.iterdir()) and not mark.exists():
            raise CdError(f"{self.directory} holds something that is no demo's: name another directory with --dir")
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(mark, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise CdError(f"another demo runs in {self.directory}: end it, or name another one with --dir") from error
        self._lock = lock
        self._end_leftovers()
        for path in self.directory.iterdir():
            if path != mark:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _end_leftovers(self) -> None:
        hosts.stop_all(self.directory / "fleet")
        processes.end(processes.within(str(self.directory), "--nodaemon"), PATIENCE)

    # -- what can be seen from outside

    def carried(self) -> dict[str, str]:
        """By host, the release that its `current` leads to."""
        return {one.name: (self.place.fleet / one.name / "current").resolve().name for one in self.place.hosts}

    def served(self) -> dict[str, str]:
        """By host, the release that it names when it is asked; what does not answer has none."""
        found: dict[str, str] = {}
        for one in self.place.hosts:
            with contextlib.suppress(OSError):
                url = f"http://{one.address}:{self.place.port}/healthz"
                with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                    found[one.name] = str(answer.headers.get("X-Release", ""))
        return found

    def seen_by_visitors(self, release: str) -> set[str]:
        """The hosts that answered any visitor with this release, whenever that was."""
        lines = (json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.endswith("}"))
        return {one["host"] for one in lines if one["kind"] == "release" and one["release"] == release}

    def errors_since(self, at: float) -> int:
        """Answers with a status of 500 or more, and visits without an answer, since then (seconds since the epoch)."""
        lines = (json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.endswith("}"))
        return sum(one["errors"] + one["failed"] for one in lines if one["kind"] == "second" and one["at"] >= at)


def tried(company: Company, engineer: str) -> subprocess.CompletedProcess[str]:
    """Stock ``buildbot try`` in an engineer's clone, on what is changed there; waits for the answer."""
    clone = company.place.clones[engineer]
    home = company.directory / "homes" / engineer
    options = home / ".buildbot" / "options"
    options.parent.mkdir(parents=True, exist_ok=True)
    options.touch(mode=0o600)
    settings = {
        "try_connect": "pb",
        "try_master": f"127.0.0.1:{company.site.try_port}",
        "try_username": engineer,
        "try_password": company.passwords[engineer],
        "try_vc": "git",
        "try_branch": workspace.BRANCH,
        "try_builders": ["cd-try"],
        "try_wait": True,
        "try_quiet": False,
    }
    options.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()), encoding="utf-8")
    argv = [sys.executable, "-c", "from buildbot.scripts.runner import run; run()", "try"]
    env = {**os.environ, "HOME": str(home), "PYTHONWARNINGS": "ignore"}
    try:
        return subprocess.run(
            argv, cwd=clone, env=env, capture_output=True, text=True, timeout=TRY_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CdError(f"`buildbot try` had no answer after {TRY_SECONDS:.0f} s: is this machine very busy?") from error
