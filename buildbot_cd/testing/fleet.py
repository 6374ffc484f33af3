# SPDX-License-Identifier: GPL-2.0-only
"""Commands to the fan-out program as a step gives them, all through the daemon of one folder."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.testing.sshd import SshFleet

MODULE = (sys.executable, "-m", "buildbot_cd.worker.fleet")
LIMIT = 30.0


def until(done: Callable[[], Any], what: str, seconds: float = LIMIT) -> Any:
    """Wait for something that can be asked; FleetError when it does not come about in time."""
    end = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > end:
            raise FleetError(f"{what} did not come about in {seconds:g} s")
        time.sleep(0.02)
    return found


class FleetClient:
    """``place`` is the daemon's folder; ``root`` the folder of all hosts' directories."""

    def __init__(self, place: Path, servers: SshFleet, root: Path, hosts: int = 8) -> None:
        self.place, self.root, self.servers = place, root, servers
        place.mkdir(exist_ok=True)
        self.base: dict[str, Any] = {
            "transport": "ssh",
            "ssh": servers.ssh,
            "root": f"{root}/{{name}}",
            "hosts": servers.hosts()[:hosts],
            "fence": 1,
            "timeouts": {"connect": 10, "verb": 20},
        }

    @property
    def names(self) -> list[str]:
        """The hosts."""
        return [str(host["name"]) for host in self.base["hosts"]]

    def link(self, name: str) -> Path:
        """A host's `current`."""
        return self.root / name / "current"

    def begin(self, *options: str, **request: Any) -> subprocess.Popen[str]:
        """Start the command."""
        process = subprocess.Popen(
            [*MODULE, "--daemon", str(self.place), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.place,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({**self.base, **request}))
        process.stdin.close()
        return process

    def __call__(self, *options: str, **request: Any) -> tuple[int, list[dict[str, Any]]]:
        """Run the command; its exit code and events."""
        with self.begin(*options, **request) as process:
            events = events_of(process)
        return process.returncode, events

    def stop(self, *options: str) -> None:
        """End the daemon."""
        subprocess.run([*MODULE, "--daemon", str(self.place), "--stop", *options], check=True)

    def pid(self) -> int:
        """The daemon's process id; 0 when none lives."""
        try:
            with (self.place / "cd-fleet.lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return 0
        except BlockingIOError:
            return int((self.place / "cd-fleet.lock").read_text() or 0)
        return 0

    def logins(self) -> int:
        """How often somebody has logged in anywhere."""
        return sum(log.read_text().count("Accepted publickey") for log in self.servers.folder.glob("sshd-*.log"))


def events_of(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What a command says until its end; a last line that a kill cut off is no event."""
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout if line.endswith("}\n")]


def last(events: list[dict[str, Any]]) -> dict[str, str]:
    """Each host's result."""
    return {event["host"]: event["phase"] for event in events if event["event"] == "host"}
