# SPDX-License-Identifier: GPL-2.0-only
"""``python -m bench fanout``: one release to 800 addresses with a real sshd, beside what others use for it.

Everybody works on 50 hosts at a time and gets a packed tar of the release; ours compares, fences, verifies and records
on the host, the peers do not. Ours is run three times for probe, switch and rollback (the median is told), the peers
once, since theirs take minutes. Ours opens the connections before, which the later operations use: ``open`` is what it
costs. The hosts' files are in memory: so many hosts have as many disks, and not this machine's one.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.fanout.measure import Cost, Ours, Peer
from bench.fanout.yard import missing, release, yard
from bench.report import Report, Target, table

if TYPE_CHECKING:
    from bench.fanout.yard import Yard
    from bench.report import Options

HOSTS, QUICK = 800, 50
PEERS = {"openssh": 100, "parallel_ssh": HOSTS, "fabric_": HOSTS, "ansible_": 50}
"""How many hosts a peer gets at most; the two that are slowest by far get fewer, and are compared by the host."""
ROUNDS = 3
OPERATIONS = ("probe", "stage", "switch", "rollback")


def run(options: Options) -> Report:
    """See the package."""
    why = missing()
    if why:
        raise SystemExit(f"fanout: {why}")
    report = Report("fanout", options.seed)
    rng = random.Random(options.seed)
    disk = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a private folder is made in it
    size = QUICK if options.quick else HOSTS
    with tempfile.TemporaryDirectory(prefix="cdf", dir=disk) as folder, yard(Path(folder), size) as y:
        releases = [release(Path(folder), number, rng) for number in (1, 2)]
        few = ours(y, QUICK, releases)
        many = few if options.quick else ours(y, HOSTS, releases)
        found = {name: _tried(y, name, hosts, releases[0]) for name, hosts in PEERS.items()}
    rivals = {name: costs for name, costs in found.items() if costs is not None}
    _tell(report, few, many, rivals)
    return report


def ours(y: Yard, hosts: int, releases: list[Path]) -> dict[str, Cost]:
    """All operations, through one daemon; the first probe and the first staging meet hosts that know nothing."""
    names = y.names[:hosts]
    tool = Ours(y, names)
    prefix = f"o{hosts}"
    costs = {"open": tool("status")}
    try:
        costs["stage"] = tool("stage", release=f"{prefix}-1", payload=str(releases[0]))
        tool("switch", release=f"{prefix}-1")
        tool("stage", release=f"{prefix}-2", payload=str(releases[1]))
        rounds: dict[str, list[Cost]] = {"probe": [], "switch": [], "rollback": []}
        for _ in range(ROUNDS):
            rounds["probe"].append(tool("status"))
            rounds["switch"].append(tool("switch", release=f"{prefix}-2"))
            rounds["rollback"].append(tool("rollback", to=dict.fromkeys(names, f"{prefix}-1")))
    finally:
        tool.close()
        y.clear()
    return _said("ours", costs | {name: _median(found) for name, found in rounds.items()})


def peer(y: Yard, module: str, most: int, folder: Path) -> dict[str, Cost]:
    """The same operations. They do not look whether a release is there, so that one is enough to switch to and fro."""
    tool = Peer(y, module, y.names[:most])
    tar = _packed(y.folder / f"{folder.name}.tgz", folder)
    costs = {"stage": tool("stage", "first", tar)}
    tool("switch", "first", tar)
    costs["probe"] = tool("probe", "first", tar)
    costs["switch"] = tool("switch", "second", tar)
    costs["rollback"] = tool("switch", "first", tar)
    y.clear()
    return _said(module, costs)


def _tried(y: Yard, module: str, most: int, folder: Path) -> dict[str, Cost] | None:
    """The peer's costs, or None, told aloud, if it does not get through: then the others still count."""
    try:
        return peer(y, module, most, folder)
    except RuntimeError as error:
        print(f"{module} FAILED and is left out: {error}", file=sys.stderr, flush=True)
        y.clear()
        return None


def _said(name: str, costs: dict[str, Cost]) -> dict[str, Cost]:
    """Show what was found so far: the whole takes many minutes."""
    for one, cost in costs.items():
        print(f"{name} {one}: {cost.wall:.2f} s for {cost.hosts} hosts", file=sys.stderr, flush=True)
    return costs


def _packed(path: Path, folder: Path) -> Path:
    if not path.exists():
        with tarfile.open(path, "w:gz", compresslevel=6) as tar:
            tar.add(folder, arcname=".")
    return path


def _median(costs: list[Cost]) -> Cost:
    by_wall = statistics.median_low([cost.wall for cost in costs])
    return next(cost for cost in costs if cost.wall == by_wall)


def _tell(report: Report, few: dict[str, Cost], many: dict[str, Cost], rivals: dict[str, dict[str, Cost]]) -> None:
    hosts = many["switch"].hosts
    rows = [["ours", name, *_cells(cost)] for name, cost in many.items()]
    rows += [
        ["bound: server's CPU", name, hosts, cost.server / (os.cpu_count() or 1), "", cost.server]
        for name, cost in many.items()
    ]
    rows += [[name, one, *_cells(costs[one])] for name, costs in rivals.items() for one in OPERATIONS]
    table(["tool", "operation", "hosts", "wall s", "client CPU s", "server CPU s"], rows)
    report.ours = {name: cost.to_json() for name, cost in many.items()} | {
        "few": {name: cost.to_json() for name, cost in few.items()}
    }
    report.peers = {name: {one: cost.to_json() for one, cost in costs.items()} for name, costs in rivals.items()}
    report.bound = {name: round(cost.server / (os.cpu_count() or 1), 3) for name, cost in many.items()}
    for one in ("switch", "rollback"):
        fastest = min(costs[one].wall / costs[one].hosts for costs in rivals.values()) * hosts
        report.targets.append(Target(f"{one}: times faster than the fastest peer", fastest / many[one].wall, least=8))
        client = many[one].client / (rivals["openssh"][one].client / rivals["openssh"][one].hosts * hosts)
        report.targets.append(Target(f"{one}: client CPU relative to OpenSSH's", client, most=0.1))
        if many is not few:
            growth = (many[one].wall / hosts) / (few[one].wall / few[one].hosts)
            report.targets.append(
                Target(f"{one}: growth from {few[one].hosts} to {hosts} (1 is linear)", growth, most=1)
            )


def _cells(cost: Cost) -> list[object]:
    return [cost.hosts, cost.wall, cost.client, cost.server]
