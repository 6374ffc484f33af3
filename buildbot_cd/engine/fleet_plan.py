# SPDX-License-Identifier: GPL-2.0-only
"""The fleet and its stages: from cd.yaml and the inventory to the plan that a rollout keeps."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.config.inventory import parse_hosts
from buildbot_cd.core.rollout.hosts import Host
from buildbot_cd.core.rollout.stages import Stage, StagePlan
from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from buildbot_cd.config.fleet import Inventory, RolloutStage
    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.store.rows import Rollout


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage of a rollout as it was planned: ``watch`` in seconds, ``budget`` in hosts."""

    name: str
    hosts: tuple[str, ...]
    watch: float
    budget: int


def release_name(landing: Landing) -> str:
    """The name of the landing's release on hosts: its number, and the candidate that it was made of."""
    return f"r{landing.id}-{str(landing.candidate)[:12]}"


def stages_in(rollout: Rollout) -> tuple[PlannedStage, ...]:
    """The stages as they were planned when the rollout was opened."""
    return tuple(
        PlannedStage(str(one["name"]), tuple(one["hosts"]), float(one["watch"]), int(one["budget"]))
        for one in rollout.plan["stages"]
    )


def hosts_in(rollout: Rollout) -> list[dict[str, Any]]:
    """The hosts as the fan-out program takes them: name, address, role, and port if it is a particular one."""
    return [dict(one) for one in rollout.plan["hosts"]]


def stages_of(stages: Sequence[RolloutStage], fleet: int) -> list[Stage]:
    """cd.yaml says how many hosts carry the release after a stage; the plan wants what the stage adds."""
    made, before = [], 0
    for one in stages:
        total = one.hosts.at_least(fleet)
        adds: int | str = "all" if one.hosts.everything else total - before
        size = fleet - before if one.hosts.everything else total - before
        if adds == 0 or size <= 0:
            continue
        made.append(Stage(one.stage, adds, one.watch, one.budget.at_most(size)))
        before = total
    return made


def read_hosts(inventory: Inventory, folder: Path) -> tuple[Host, ...]:
    """The fleet now. Raises FleetError with the command's own words, ConfigError if its list cannot be used."""
    if inventory.inline is not None:
        found = inventory.inline
    elif inventory.file is not None:
        path = folder / inventory.file
        found = parse_hosts(path.read_text("utf-8"), str(path))
    else:
        argv = list(inventory.command or ())
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise FleetError(f"fleet.hosts.command {argv} ended with {done.returncode}: {done.stderr.strip()[:500]}")
        found = parse_hosts(done.stdout, f"output of {argv[0]}")
    return tuple(Host(one.name, one.address, one.role, one.port) for one in found)


def as_plan(hosts: Iterable[Host], stages: Iterable[StagePlan]) -> dict[str, Any]:
    """What a rollout keeps: its hosts, and which of them come with which stage."""
    return {
        "hosts": [as_told(one) for one in hosts],
        "stages": [
            {"name": one.name, "hosts": [host.name for host in one.hosts], "watch": one.watch, "budget": one.budget}
            for one in stages
        ],
    }


def as_told(host: Host) -> dict[str, Any]:
    """The host as requests to the fan-out program, and plans, have it."""
    told: dict[str, Any] = {"name": host.name, "address": host.address, "role": host.role}
    return told if host.port is None else {**told, "port": host.port}
