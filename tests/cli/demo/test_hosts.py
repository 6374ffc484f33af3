# SPDX-License-Identifier: GPL-2.0-only
"""Hosts of the demo: real servers that change their release without losing a visitor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from buildbot_cd.cli.demo import hosts, patches, processes, traffic
from buildbot_cd.cli.demo.processes import Process
from buildbot_cd.cli.demo.visitor import Call, Seen


def get(fleet: Any, number: int, path: str) -> tuple[Seen, str]:
    """One request to one host."""
    return asyncio.run(traffic.ask(fleet.entries[number].address, fleet.port, Call(path)))


def test_hosts_serve_their_release(fleet: Any) -> None:
    """Every host answers on its own address and names the release that it was started from."""
    for number in range(3):
        assert get(fleet, number, "/healthz") == (Seen(200, "ok\n"), "r1")
        assert get(fleet, number, "/")[0].status == 200


def test_restart_loses_no_request(fleet: Any, tree: Path) -> None:
    """Clients that never pause see no failed request while the host is restarted over and over."""
    stop = threading.Event()
    answers: list[tuple[int, str]] = []

    async def visit() -> None:
        while not stop.is_set():
            seen, release = await traffic.ask(fleet.entries[0].address, fleet.port, Call("/cart?items=mug"))
            answers.append((seen.status, release))

    async def crowd() -> None:
        await asyncio.gather(*(visit() for _ in range(8)))

    clients = threading.Thread(target=asyncio.run, args=(crowd(),))
    clients.start()
    try:
        for number in range(2, 10):
            fleet.release(tree, f"r{number}")
            fleet.restart(0)
            # From here on nobody else may answer.
            assert get(fleet, 0, "/healthz")[1] == f"r{number}"
    finally:
        stop.set()
        clients.join(20)
    assert not clients.is_alive()
    assert {status for status, _ in answers} == {200}
    assert len({release for _, release in answers}) >= 8


def test_release_that_does_not_start_leaves_the_old_server(fleet: Any, tree: Path) -> None:
    """A restart into a broken release fails with the server's words, and the old release is still served."""
    (tree / "shop/app.py").write_text("raise RuntimeError('no shop today')\n")
    fleet.release(tree, "r2")
    done = fleet.restart(0, check=False)
    assert done.returncode == 1
    assert "release r2 did not start" in done.stderr
    assert "no shop today" in done.stderr
    assert get(fleet, 0, "/healthz")[1] == "r1"


def test_restart_without_a_release(fleet: Any) -> None:
    """A host without `current` is named, with what to do."""
    (fleet.directory / "web-02" / "current").unlink()
    done = fleet.restart(1, check=False)
    assert done.returncode == 1
    assert "web-02" in done.stderr
    assert "leads to no release" in done.stderr


def test_restart_after_kill(fleet: Any) -> None:
    """A server that was killed is replaced, though nobody hands its socket over."""
    server = hosts.serving(fleet.directory / "web-01")
    assert server is not None
    processes.end([server], 0.0)
    assert hosts.serving(fleet.directory / "web-01") is None
    fleet.restart(0)
    assert get(fleet, 0, "/healthz")[0].status == 200


def test_recycled_pid_is_left_alone(fleet: Any) -> None:
    """A record whose pid belongs to another process by now is not believed, and that process lives on."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        root = fleet.directory / "web-01"
        old = hosts.serving(root)
        assert old is not None
        record = json.loads((root / "server.json").read_text())
        (root / "server.json").write_text(json.dumps({**record, "pid": other.pid}))
        assert hosts.serving(root) is None
        fleet.restart(0)
        assert other.poll() is None
        # The server whose record was lost is found by where it works.
        assert not processes.alive(old)
        assert processes.end([Process(other.pid, 1)], 1.0) == []
        assert other.poll() is None
    finally:
        other.communicate(b"\n", timeout=20)


def test_stop_all_leaves_nothing(fleet: Any) -> None:
    """Every server ends, also one without a record and one that does not listen to SIGTERM."""
    servers = [hosts.serving(fleet.directory / host.name) for host in fleet.entries]
    assert all(servers)
    (fleet.directory / "web-02" / "server.json").unlink()
    frozen = servers[2]
    assert frozen is not None
    os.kill(frozen.pid, signal.SIGSTOP)
    assert hosts.stop_all(fleet.directory) == 3
    assert not any(server is not None and processes.alive(server) for server in servers)
    assert list(processes.within(str(fleet.directory), hosts.SERVER)) == []
    assert hosts.stop_all(fleet.directory) == 0


def test_servers_end_with_their_directory(fleet: Any) -> None:
    """Who deletes the demo's directory leaves no server behind."""
    servers = [hosts.serving(fleet.directory / host.name) for host in fleet.entries]
    fds = [os.pidfd_open(server.pid) for server in servers if server is not None]
    subprocess.run(["rm", "-rf", str(fleet.directory)], check=True)
    try:
        assert len(fds) == 3
        assert processes.wait_for(set(fds), 20.0) == set()
    finally:
        for fd in fds:
            os.close(fd)


def test_failing_offers_fail_in_production(fleet: Any, tree: Path) -> None:
    """The release whose tests pass answers every third page with 500, and the metrics say so."""
    patches.apply(patches.failing_offers(tree), tree)
    fleet.release(tree, "r2")
    fleet.restart(0)
    statuses = [get(fleet, 0, "/")[0].status for _ in range(12)]
    assert statuses.count(500) == 4
    assert "http_errors_total 4\n" in get(fleet, 0, "/metrics")[0].page
    assert "tumbler" in (fleet.directory / "web-01" / "server.log").read_text()
