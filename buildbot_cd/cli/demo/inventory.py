# SPDX-License-Identifier: GPL-2.0-only
"""The list of hosts of the demo's fleet, each with a loopback address of its own."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from buildbot_cd.errors import FleetError

HOSTS_PER_NET = 250
FIRST_PORT = 18080
PORTS_TRIED = 400


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host: its name, the loopback address it serves on, and its role."""

    name: str
    address: str
    role: str


def plan(count: int, role: str = "web", net: int = 1) -> tuple[HostEntry, ...]:
    """`count` hosts named role-01, role-02, ... on 127.<net>.0.1 and up.

    Two fleets that live at the same time take different nets (1-254), so that they never meet on an address.
    """
    if not 1 <= count <= HOSTS_PER_NET * HOSTS_PER_NET:
        raise FleetError(f"a fleet of {count} hosts cannot be made: take 1 to {HOSTS_PER_NET**2}")
    width = max(2, len(str(count)))
    return tuple(HostEntry(f"{role}-{number + 1:0{width}}", _address(number, net), role) for number in range(count))


def _address(number: int, net: int) -> str:
    return f"127.{net}.{number // HOSTS_PER_NET}.{number % HOSTS_PER_NET + 1}"


def write(path: Path, hosts: tuple[HostEntry, ...]) -> None:
    """Write the inventory: a JSON list of {name, address, role}."""
    path.write_text(json.dumps([asdict(host) for host in hosts], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> tuple[HostEntry, ...]:
    """Read an inventory; FleetError names the file and the entry that is wrong."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FleetError(f"{path}: no inventory to be read: {error}") from error
    if not isinstance(entries, list):
        raise FleetError(f"{path}: an inventory is a list of hosts")
    return tuple(_entry(path, number, entry) for number, entry in enumerate(entries))


def _entry(path: Path, number: int, entry: Any) -> HostEntry:
    keys = ("name", "address", "role")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in keys):
        raise FleetError(f"{path}: host {number + 1} needs the texts name, address and role, but is {entry!r}")
    return HostEntry(entry["name"], entry["address"], entry["role"])


def free_port(hosts: tuple[HostEntry, ...], first: int = FIRST_PORT) -> int:
    """A port that is free on every host's address, at or above `first`."""
    for port in range(first, first + PORTS_TRIED):
        if all(_is_free(host.address, port) for host in hosts):
            return port
    raise FleetError(f"no port from {first} to {first + PORTS_TRIED - 1} is free on all addresses of the fleet")


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
    return True
