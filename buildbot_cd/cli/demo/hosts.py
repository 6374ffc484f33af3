# SPDX-License-Identifier: GPL-2.0-only
"""A fleet on one machine: each host is a directory and a real process on a loopback address of its own.

``<fleet>/<name>/`` holds ``releases/<id>/`` and ``current`` as the rollout makes them, and here ``server.json`` (the
process that serves), ``server.log`` and ``handover.sock``. ``restart`` is what cd.yaml names in ``fleet.restart``::

    python -m buildbot_cd.cli.demo.hosts restart --root DIR --name web-07 --address 127.1.0.7 --port P
    python -m buildbot_cd.cli.demo.hosts start-all --fleet DIR --inventory FILE --port P
    python -m buildbot_cd.cli.demo.hosts stop-all --fleet DIR

A restart starts the new server first, which takes the listening socket over from the old one; the old one then ends
what it had begun. No request is lost, and a release that cannot start leaves the old server in its place.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buildbot_cd.cli.demo import processes
from buildbot_cd.cli.demo.processes import Process
from buildbot_cd.errors import CdError, FleetError

SERVER = "shop.server"
START_SECONDS = 20.0
STOP_SECONDS = 5.0
LOG_LIMIT = 256 * 1024
# The servers get none of the caller's settings: production does not have the environment of a test either.
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


def serving(root: Path) -> Process | None:
    """The server of a host by its record, when it still runs."""
    try:
        record = json.loads((root / "server.json").read_text(encoding="utf-8"))
        process = Process(int(record["pid"]), int(record["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if processes.alive(process) else None


def restart(root: Path, name: str, address: str, port: int) -> Process:
    """Serve what ``<root>/current`` points to; the old server is gone when this returns.

    Meant for a short-lived program: the server becomes its orphan. FleetError when the new server did not come up,
    with its last words; the old one then still serves.
    """
    with _only_one(root):
        release = (root / "current").resolve()
        if not release.is_dir():
            raise FleetError(f"{name}: {root / 'current'} leads to no release; stage one and switch to it first")
        server = _start(root, release, name, address, port)
        _record(root, server, release, address, port)
        # By directory and not by record alone: a restart that was killed may have left an unrecorded server behind.
        processes.end((old for old in processes.within(str(root), SERVER) if old != server), STOP_SECONDS)
    return server


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    try:
        lock = os.open(root / "restart.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FleetError(f"{root} is no host's directory: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _start(root: Path, release: Path, name: str, address: str, port: int) -> Process:
    reader, writer = os.pipe()
    # Socket names are short by law (108 bytes), paths of a checkout are not.
    handover = os.path.relpath(root.resolve() / "handover.sock", release)
    log = root / "server.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.unlink()
    with log.open("ab") as words:
        begin = words.tell()
        server = subprocess.Popen(
            [
                *(sys.executable, "-B", "-E", "-S", "-m", SERVER, "--address", address, "--port", str(port)),
                *("--handover", handover, "--ready-fd", str(writer)),
            ],
            cwd=release,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            pass_fds=(writer,),
            start_new_session=True,
        )
    os.close(writer)
    try:
        ready = select.select([reader], [], [], START_SECONDS)[0] and os.read(reader, 16) == b"ready\n"
    finally:
        os.close(reader)
    process = processes.find(server.pid)
    if ready and process is not None:
        return process
    server.kill()
    server.wait()
    said = log.read_bytes()[begin:].decode("utf-8", "replace").strip().splitlines()
    raise FleetError(f"{name}: release {release.name} did not start: {' | '.join(said[-3:]) or 'it said nothing'}")


def _record(root: Path, server: Process, release: Path, address: str, port: int) -> None:
    record = {**server._asdict(), "release": release.name, "address": address, "port": port}
    new = root / "server.json.new"
    new.write_text(json.dumps(record) + "\n", encoding="utf-8")
    new.replace(root / "server.json")


def start_all(fleet: Path, inventory_file: Path, port: int) -> int:
    """Restart every host of the inventory, one after the other; returns how many there are."""
    from buildbot_cd.cli.demo import inventory  # a restart of one host does without it

    entries = inventory.read(inventory_file)
    for host in entries:
        restart(fleet / host.name, host.name, host.address, port)
    return len(entries)


def stop_all(fleet: Path) -> int:
    """End every server of the fleet, whoever started it and whatever became of its record; returns how many."""
    recorded = {process for root in fleet.glob("*/server.json") if (process := serving(root.parent))}
    return len(processes.end(recorded | set(processes.within(str(fleet), SERVER)), STOP_SECONDS))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m buildbot_cd.cli.demo.hosts", description="hosts of the demo")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("restart", help="serve the current release of one host")
    one.add_argument("--root", type=Path, required=True)
    one.add_argument("--name", required=True)
    one.add_argument("--address", required=True)
    one.add_argument("--port", type=int, required=True)
    every = verbs.add_parser("start-all", help="serve the current release of every host")
    every.add_argument("--fleet", type=Path, required=True)
    every.add_argument("--inventory", type=Path, required=True)
    every.add_argument("--port", type=int, required=True)
    stop = verbs.add_parser("stop-all", help="end every server of the fleet")
    stop.add_argument("--fleet", type=Path, required=True)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status is 1 with one line on stderr when it did not work."""
    given = _parser().parse_args(arguments)
    try:
        if given.verb == "restart":
            server = restart(given.root, given.name, given.address, given.port)
            print(f"{given.name}: serving as process {server.pid}")
        elif given.verb == "start-all":
            print(f"{start_all(given.fleet, given.inventory, given.port)} hosts serve")
        else:
            print(f"{stop_all(given.fleet)} servers ended")
    except CdError as error:
        print(f"hosts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
