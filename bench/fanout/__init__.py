# SPDX-License-Identifier: GPL-2.0-only
"""``python -m bench fanout``: one release to 800 addresses with a real sshd, beside what others use for it.

Everybody works on 50 hosts at a time and gets a packed tar of the release; ours compares, fences, verifies and records
on the host, the peers do not. Ours opens the connections before, which the later operations use: ``open`` is what it
costs. It is measured before and after each peer, and a peer is compared with these two: the load of the machine changes
over the minutes that they take. The hosts' files are in memory: so many hosts have as many disks, and not this
machine's one.
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
    from collections.abc import Sequence

    from bench.fanout.yard import Yard
    from bench.report import Options

HOSTS, QUICK = 800, 50
PEERS = {"openssh": 400, "parallel_ssh": HOSTS, "fabric_": HOSTS, "ansible_": 100}
"""How many hosts a peer gets at most; the two that are slowest by far get fewer, so that the whole takes some twenty
minutes on two processors, and are compared by the host: their rows say of how many.
CD_FANOUT_PEERS="openssh=800 ansible_=800" names others, CD_FANOUT_HOSTS=200 another fleet."""
OPERATIONS = ("probe", "stage", "switch", "rollback")


def run(options: Options) -> Report:
    """See the package."""
    why = missing()
    if why:
        raise SystemExit(f"fanout: {why}")
    report = Report("fanout", options.seed)
    rng = random.Random(options.seed)
    disk = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a private folder is made in it
    size = QUICK if options.quick else int(os.environ.get("CD_FANOUT_HOSTS") or HOSTS)
    with tempfile.TemporaryDirectory(prefix="cdf", dir=disk) as folder, yard(Path(folder), size) as y:
        releases = [release(Path(folder), number, rng) for number in (1, 2)]
        few = ours(y, QUICK, releases, {})[0] if size > QUICK else []
        many, rivals = ours(y, size, releases, wanted_peers(size))
    _tell(report, few, many, rivals)
    return report


def wanted_peers(size: int) -> dict[str, int]:
    """Who is measured beside us, on how many hosts."""
    words = (os.environ.get("CD_FANOUT_PEERS") or " ".join(f"{name}={most}" for name, most in PEERS.items())).split()
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, _, most in pairs if name not in PEERS or not most.isdigit()]:
        raise SystemExit(f"CD_FANOUT_PEERS: {', '.join(wrong)}: write NAME=HOSTS, with names of {', '.join(PEERS)}")
    return {name: min(int(most), size) for name, _, most in pairs}


def ours(
    y: Yard, hosts: int, releases: list[Path], peers: dict[str, int]
) -> tuple[list[dict[str, Cost]], dict[str, dict[str, Cost]]]:
    """Our rounds, one before and one after each peer, through one daemon; the first holds what is done once, too."""
    names = y.names[:hosts]
    tool = Ours(y, names)
    once = {"open": tool("status")}
    found: dict[str, dict[str, Cost]] = {}
    try:
        once["stage"] = tool("stage", release="r-1", payload=str(releases[0]))
        tool("switch", release="r-1")
        tool("stage", release="r-2", payload=str(releases[1]))
        rounds = [once | _round(tool, names)]
        for module, most in peers.items():
            found[module] = _tried(y, module, most, releases[0])
            rounds.append(_round(tool, names))
    finally:
        tool.close()
    return rounds, found


def _round(tool: Ours, names: Sequence[str]) -> dict[str, Cost]:
    back = dict.fromkeys(names, "r-1")
    costs = {"probe": tool("status"), "switch": tool("switch", release="r-2"), "rollback": tool("rollback", to=back)}
    return _said("ours", costs)


def peer(y: Yard, module: str, most: int, folder: Path) -> dict[str, Cost]:
    """The same operations. They do not look whether a release is there, so that one is enough to switch to and fro."""
    tool = Peer(y, module, y.names[:most])
    tar = _packed(y.folder / f"{folder.name}.tgz", folder)
    costs = {"stage": tool("stage", "first", tar)}
    tool("switch", "first", tar)
    costs["probe"] = tool("probe", "first", tar)
    costs["switch"] = tool("switch", "second", tar)
    costs["rollback"] = tool("switch", "first", tar)
    return _said(module, costs)


def _tried(y: Yard, module: str, most: int, folder: Path) -> dict[str, Cost]:
    """The peer's costs, or none, told aloud, if it does not get through: then the others still count."""
    try:
        return peer(y, module, most, folder)
    except RuntimeError as error:
        print(f"{module} FAILED and is left out: {error}", file=sys.stderr, flush=True)
        return {}
    finally:
        y.clear(module)


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


def _median(rounds: list[dict[str, Cost]], one: str) -> Cost:
    costs = [costs[one] for costs in rounds if one in costs]
    by_wall = statistics.median_low([cost.wall for cost in costs])
    return next(cost for cost in costs if cost.wall == by_wall)


def _tell(
    report: Report, few: list[dict[str, Cost]], many: list[dict[str, Cost]], rivals: dict[str, dict[str, Cost]]
) -> None:
    cores = os.cpu_count() or 1
    mine = {one: _median(many, one) for one in many[0]}
    smaller = {one: _median(few, one) for one in few[0]} if few else {}
    hosts = mine["switch"].hosts
    rows = [["ours", name, *_cells(cost)] for name, cost in mine.items()]
    rows += [["bound: server's CPU", one, hosts, cost.server / cores, "", cost.server] for one, cost in mine.items()]
    rows += [[name, one, *_cells(costs[one])] for name, costs in rivals.items() for one in OPERATIONS if costs]
    table(["tool", "operation", "hosts", "wall s", "client CPU s", "server CPU s"], rows)
    report.ours = {one: cost.to_json() for one, cost in mine.items()}
    report.ours |= {"few": {one: cost.to_json() for one, cost in smaller.items()}}
    report.peers = {name: {one: cost.to_json() for one, cost in costs.items()} for name, costs in rivals.items()}
    report.bound = {one: round(cost.server / cores, 3) for one, cost in mine.items()}
    for one in ("switch", "rollback"):
        faster = {
            name: costs[one].wall / costs[one].hosts * hosts / ((before[one].wall + after[one].wall) / 2)
            for (name, costs), before, after in zip(rivals.items(), many, many[1:], strict=False)
            if costs
        }
        report.peers |= {f"{one}: ours is so many times faster": {name: round(x, 2) for name, x in faster.items()}}
        of = f"the fastest of {', '.join(faster)}"
        report.targets.append(Target(f"{one}: times faster than {of}", min(faster.values()), least=8))
        if rivals.get("openssh"):
            client = mine[one].client / (rivals["openssh"][one].client / rivals["openssh"][one].hosts * hosts)
            report.targets.append(Target(f"{one}: client CPU relative to OpenSSH's", client, most=0.1))
        if smaller:
            growth = (mine[one].wall / hosts) / (smaller[one].wall / smaller[one].hosts)
            name = f"{one}: growth from {smaller[one].hosts} to {hosts} (1 is linear)"
            report.targets.append(Target(name, growth, most=1))


def _cells(cost: Cost) -> list[object]:
    return [cost.hosts, cost.wall, cost.client, cost.server]
