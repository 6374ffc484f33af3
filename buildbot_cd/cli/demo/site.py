# SPDX-License-Identifier: GPL-2.0-only
"""A master and its workers as real processes in one directory, from the ready configuration in ``master/``."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORKERS = ("git-1", "deploy-1", "test-1", "test-2", "test-3", "test-4")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
BUILDBOT = "from buildbot.scripts.runner import run; run()"


def template(name: str) -> Path:
    """A folder of ready configuration: beside the package in a checkout, inside of it in a wheel."""
    for place in (Path(__file__).parents[3] / name, Path(__file__).parent / "ready" / name):
        if (place / "buildbot.tac").is_file():
            return place
    raise CdError(f"the ready configuration {name}/ is missing from this installation")


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


@dataclass
class Site:
    """One master with its workers. ``directory`` is made anew by `prepare`; everything listens on loopback only."""

    directory: Path
    workers: tuple[str, ...] = WORKERS
    db_url: str = "sqlite:///state.sqlite"
    environment: dict[str, str] = field(default_factory=dict)
    www: int = 0
    pb: int = 0
    try_port: int = 0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def master(self) -> Path:
        """The master's folder."""
        return self.directory / "master"

    @property
    def url(self) -> str:
        """Where the web UI and the data API answer."""
        return f"http://127.0.0.1:{self.www}"

    def prepare(self, config: Mapping[str, Any], users: Mapping[str, str], more: str = "") -> None:
        """Write the folders; ``config`` becomes cd.yaml, ``users`` (name to password) may use `buildbot try`.

        ``more`` comes to the end of master.cfg.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.www, self.pb, self.try_port = free_ports(3)
        shutil.copytree(template("master"), self.master)
        with (self.master / "master.cfg").open("a", encoding="utf-8") as file:
            file.write(more)
        (self.master / "cd.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
        self._secret(self.master / "workers.password", secrets.token_hex(16))
        self._secret(self.master / "users.passwd", "".join(f"{name}:{word}\n" for name, word in users.items()))
        self._run([sys.executable, "-c", BUILDBOT, "upgrade-master", "--quiet", str(self.master)])

    def _secret(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(argv, env=self._env(), capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise CdError(f"{' '.join(argv[2:4])} failed: {(done.stdout + done.stderr)[-2000:]}")

    def _env(self, **more: str) -> dict[str, str]:
        own = {
            "CD_WWW_PORT": str(self.www),
            "CD_PB_PORT": str(self.pb),
            "CD_TRY_PORT": str(self.try_port),
            "CD_DB_URL": self.db_url,
            "CD_WORKERS": " ".join(self.workers),
            "CD_WORKER_PASSWORD": str(self.master / "workers.password"),
            "PYTHONDONTWRITEBYTECODE": "1",
            # git's protection against foreign owners does not fit folders that we made ourselves
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return {**os.environ, **own, **self.environment, **more}

    def start(self) -> None:
        """Start the master, wait until it answers, then the workers, and wait until all are connected."""
        self.start_master()
        for name in self.workers:
            self.start_worker(name)
        self.wait(lambda: set(self.connected()) >= set(self.workers), "the workers to connect")

    def start_master(self) -> None:
        """Start the master and wait until it answers."""
        self.begin_master()
        self.wait_for_master()

    def begin_master(self) -> None:
        """Start the master."""
        self._start("master", self.master, {})

    def wait_for_master(self) -> None:
        """Wait until the master answers."""
        self.wait(self._answers, "the master to answer", watch="master")

    def start_worker(self, name: str) -> None:
        """Start one worker; it connects by itself."""
        folder = self.directory / "workers" / name
        folder.mkdir(parents=True, exist_ok=True)
        self._start(name, folder, {"CD_WORKER": name, "CD_WORKER_DIR": str(folder)}, tac=template("worker"))

    def _start(self, name: str, folder: Path, more: dict[str, str], tac: Path | None = None) -> None:
        twistd = "from twisted.scripts.twistd import run; run()"
        file = (tac or folder) / "buildbot.tac"
        argv = [sys.executable, "-c", twistd, "--nodaemon", f"--pidfile={folder}/{name}.pid", f"--python={file}"]
        Path(folder, f"{name}.pid").unlink(missing_ok=True)
        with (folder / "output.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv, cwd=folder, env=self._env(**more), stdout=log, stderr=log, start_new_session=True
            )

    def _answers(self) -> bool:
        try:
            self.get("masters")
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        """What the data API says at ``path``, below /api/v2/."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=10) as answer:  # noqa: S310 - own loopback
                return json.load(answer)
        except http.client.HTTPException as error:
            raise OSError(f"{path}: the answer was cut off: {error!r}") from error

    def connected(self) -> list[str]:
        """The names of the connected workers."""
        try:
            workers = self.get("workers")["workers"]
        except OSError:
            return []
        return [one["name"] for one in workers if one["connected_to"]]

    def wait(self, done: Callable[[], Any], what: str, seconds: float = START_SECONDS, watch: str = "") -> Any:
        """Ask until the answer is true; CdError with the master's last words if that takes too long."""
        until = time.monotonic() + seconds
        while True:
            found = done()
            if found:
                return found
            process = self.processes.get(watch)
            if time.monotonic() > until or (process is not None and process.poll() is not None):
                raise CdError(f"waited {seconds:.0f} s in vain for {what}\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self, lines: int = 40) -> str:
        """The end of the master's log."""
        words = []
        for name in ("twistd.log", "output.log"):
            log = self.master / name
            if log.exists():
                words += log.read_text("utf-8", "replace").splitlines()[-lines:]
        return "\n".join(words)

    def kill(self, name: str) -> None:
        """``kill -9`` one of our processes, and wait until it is gone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """End everything that this object started.

        The master goes first, while its workers can still end what they do for it: Buildbot's clean shutdown waits for
        ever for a build whose worker went away just as it began.
        """
        for names in (["master"], list(self.processes)):
            running = [self.processes[name] for name in names if name in self.processes]
            for process in running:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            for process in running:
                _end(process)
        self.processes.clear()


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
