# SPDX-License-Identifier: GPL-2.0-only
"""Hundreds of addresses, one real sshd: inside a network namespace of its own every address of 127.0.0.0/8 answers.

One server that listens on all addresses stands for all hosts, because a server may not listen on more than 16 by name.
Needs root, for the namespace.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.testing import sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORT = 2222
FILES, BYTES = 500, 2_000_000


@dataclass(frozen=True)
class Yard:
    """A running server. ``names`` are the hosts; ``server`` and ``holder`` are process ids."""

    folder: Path
    names: tuple[str, ...]
    server: int

    def address(self, name: str) -> str:
        """127.1.x.y; the name ends in the host's number."""
        number = int(name.rsplit("-", 1)[1])
        return f"127.1.{number // 200}.{number % 200 + 1}"

    def root(self, tool: str, name: str) -> Path:
        """The host's directory for one tool: none finds what another one left."""
        return self.folder / "hosts" / tool / name

    def clear(self, tool: str) -> None:
        """Remove what the tool has left on all hosts."""
        shutil.rmtree(self.folder / "hosts" / tool, ignore_errors=True)

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command, run in the namespace."""
        return ["nsenter", f"--net=/proc/{self.server}/ns/net", "--", *argv]

    @property
    def ssh(self) -> dict[str, object]:
        """As the fan-out program takes it."""
        files = {"key_file": "key", "known_hosts": "known_hosts", "config": "ssh_config"}
        return {"user": "root", "port": PORT, **{key: str(self.folder / name) for key, name in files.items()}}

    def server_cpu(self) -> float:
        """Seconds of CPU that the server and all its sessions have used so far."""
        return tree_cpu(self.server)


def missing() -> str:
    """Why this cannot be done here; empty if it can."""
    if os.geteuid() != 0:
        return "a network namespace needs root"
    names = ("sshd", "ssh", "ssh-keygen", "unshare", "nsenter", "ip")
    gone = [name for name in names if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return f"not on this machine: {', '.join(gone)}" if gone else ""


@contextmanager
def yard(folder: Path, hosts: int) -> Iterator[Yard]:
    """The server, until the block ends; then everything that ran in its namespace is ended, by process id."""
    _files(folder)
    script = f"ip link set lo up && exec {sshd.sshd_program()} -D -e -f {folder}/sshd_config"
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", script], stdin=subprocess.DEVNULL, stderr=log)
    made = Yard(folder, tuple(f"h-{number:03}" for number in range(hosts)), server.pid)
    try:
        _wait(made, server)
        yield made
    finally:
        for pid in _descendants(server.pid):
            _end(pid)
        server.terminate()
        server.wait()


def _files(folder: Path) -> None:
    for name in ("home", "hosts"):
        (folder / name).mkdir(parents=True)
    kind, key, *_ = sshd.make_keys(folder).split()
    (folder / "known_hosts").write_text(f"[127.1.*]:{PORT} {kind} {key}\n")
    python = folder / "bin"
    python.mkdir()
    (python / "python3").symlink_to(Path(sys.executable).resolve())
    # PATH: the interpreter itself; a shim in front of it would cost each host ten times what it does.
    own = ("Subsystem sftp internal-sftp", f"SetEnv HOME={folder}/home PATH={python}:/usr/bin:/bin")
    (folder / "sshd_config").write_text(sshd.config(folder, PORT, ["0.0.0.0"], *own))  # noqa: S104 - in a namespace


def release(folder: Path, number: int, rng: random.Random) -> Path:
    """2 MB in 500 files that pack as well as source does; every release has all files changed."""
    words = [rng.randbytes(4).hex() for _ in range(2000)]
    made = folder / f"release-{number}"
    for index in range(FILES):
        path = made / f"part-{index // 50}" / f"file-{index}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"# release {number}, file {index}\n"
        while len(text) < BYTES // FILES:
            text += " ".join(rng.choices(words, k=10)) + "\n"
        path.write_text(text[: BYTES // FILES])
    return made


def tree_cpu(root: int) -> float:
    """Seconds of CPU of a process, its living descendants, and what these have reaped."""
    return sum(_cpu(pid) for pid in [root, *_descendants(root)])


def _cpu(pid: int) -> float:
    """Seconds of all threads of a process, and of the children that it has reaped; 0 of a process that is gone.

    Nanoseconds where the kernel has them: a host's work for one verb is less than the clock tick of /proc/pid/stat.
    """
    try:
        reaped = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[13:15]
        threads = [(one / "schedstat").read_text().split()[0] for one in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return 0.0
    return sum(map(int, threads)) / 1e9 + sum(map(int, reaped)) / os.sysconf("SC_CLK_TCK")


def _descendants(root: int) -> list[int]:
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        children = below.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _end(pid: int) -> None:
    try:
        os.kill(pid, 15)
    except ProcessLookupError:
        return


def _wait(made: Yard, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 15
    probe = made.inside([sys.executable, "-c", f"import socket; socket.create_connection(('127.1.0.1', {PORT}), 1)"])
    while subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"sshd did not come up: {(made.folder / 'sshd.log').read_text()[-500:]}")
        time.sleep(0.05)
