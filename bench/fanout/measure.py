# SPDX-License-Identifier: GPL-2.0-only
"""One operation of one tool on all hosts: how long it took, and what CPU both sides used."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.fanout.yard import PORT, tree_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.fanout.yard import Yard

PARALLEL = 50
"""Hosts at a time, for everybody."""


@dataclass(frozen=True)
class Cost:
    """Seconds: wall, the client's CPU, the server's CPU. ``hosts`` is how many hosts it was."""

    wall: float
    client: float
    server: float
    hosts: int

    def to_json(self) -> dict[str, float]:
        """Rounded."""
        return {"wall": round(self.wall, 3), "client": round(self.client, 3), "server": round(self.server, 3),
                "hosts": self.hosts}  # fmt: skip


def measured(yard: Yard, hosts: int, work: Callable[[], None], aside: Callable[[], float] = lambda: 0.0) -> Cost:
    """Do it and count; ``aside`` gives the CPU of a process that belongs to the client and is no child of ours."""
    before = time.monotonic(), _children() + aside(), yard.server_cpu()
    work()
    return Cost(time.monotonic() - before[0], _children() + aside() - before[1], yard.server_cpu() - before[2], hosts)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Ours:
    """The fan-out program as a step runs it: a short command each, through the daemon of one folder."""

    def __init__(self, yard: Yard, names: Sequence[str]) -> None:
        self.yard, self.names = yard, list(names)
        self.place = yard.folder / f"place-{len(names)}"
        self.place.mkdir()
        self.fence = 1

    def __call__(self, verb: str, **more: Any) -> Cost:
        """Run one verb on all hosts."""
        hosts = [{"name": name, "address": self.yard.address(name)} for name in self.names]
        order = {
            "verb": verb, "transport": "ssh", "ssh": self.yard.ssh, "hosts": hosts, "fence": self.fence,
            "root": f"{self.place}-hosts/{{name}}", "parallel": {"stage": PARALLEL, "switch": PARALLEL}, **more,
            "timeouts": {"connect": 60, "verb": 120},
        }  # fmt: skip
        return measured(self.yard, len(hosts), lambda: self._run("", json.dumps(order)), self._daemon_cpu)

    def _run(self, option: str, text: str) -> None:
        argv = [sys.executable, "-m", "buildbot_cd.worker.fleet", "--daemon", str(self.place), *option.split()]
        done = subprocess.run(self.yard.inside(argv), input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ours failed: {done.stdout[-1500:]} {done.stderr[-500:]}")

    def _daemon_cpu(self) -> float:
        try:
            return tree_cpu(int((self.place / "cd-fleet.lock").read_text()))
        except (OSError, ValueError):
            return 0.0

    def close(self) -> None:
        """End the daemon."""
        self._run("--stop", "")
        shutil.rmtree(f"{self.place}-hosts", ignore_errors=True)


class Peer:
    """One of the programs in ``peers``."""

    def __init__(self, yard: Yard, module: str, names: Sequence[str]) -> None:
        self.yard, self.module, self.names = yard, module, list(names)
        self.control = yard.folder / f"c-{module[:3]}"
        self.control.mkdir(exist_ok=True)
        for name in self.names:
            (yard.root(module, name) / "releases").mkdir(parents=True)

    def __call__(self, do: str, release: str, tar: Path) -> Cost:
        """Run one operation on all hosts."""
        order = {
            "do": do, "parallel": PARALLEL, "port": PORT, "release": release, "tar": str(tar),
            "key": self.yard.ssh["key_file"], "known_hosts": self.yard.ssh["known_hosts"],
            "control": str(self.control),
            "hosts": {name: [self.yard.address(name), str(self.yard.root(self.module, name))] for name in self.names},
        }  # fmt: skip
        argv = [sys.executable, "-W", "ignore", "-m", f"bench.fanout.peers.{self.module}"]

        def work() -> None:
            done = subprocess.run(
                self.yard.inside(argv), input=json.dumps(order), capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"{self.module} failed: {done.stdout[-1500:]} {done.stderr[-1500:]}")

        return measured(self.yard, len(self.names), work)
