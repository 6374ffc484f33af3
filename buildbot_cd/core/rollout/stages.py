# SPDX-License-Identifier: GPL-2.0-only
"""Divide the fleet into stages: seeded random per rollout, in proportion to the roles.

Not "the first 35": the same hosts would meet every bad release, and a difference between them and the rest would look
like an effect of the release.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.rollout.hosts import Host

Amount = int | str
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as it is configured.

    :param hosts: how many hosts this stage adds: a number, a percentage of the whole fleet (``"25%"``, rounded up, at
        least 1), or ``"all"`` that remain.
    :param watch: how long the hosts are watched after the switch, in seconds.
    :param budget: how many hosts of the stage may be unreachable, failed or unhealthy before it stops: a number, or a
        percentage of the stage's hosts, rounded down.
    """

    name: str
    hosts: Amount
    watch: float = 0.0
    budget: Amount = 0


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage with its hosts. ``watch`` is in seconds; ``budget`` is the number of hosts that may fail."""

    name: str
    hosts: tuple[Host, ...]
    watch: float
    budget: int


def stage_size(amount: Amount, fleet: int) -> int:
    """How many of ``fleet`` hosts ``amount`` means, at least 1 and at most ``fleet``.

    :raises ConfigError: for anything but a positive number, a percentage up to 100, or ``all``.
    """
    if amount == "all":
        return fleet
    percent = _percent(amount)
    if percent is not None:
        return min(fleet, max(1, math.ceil(fleet * percent / 100)))
    if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1:
        return min(fleet, amount)
    raise ConfigError(f"hosts: {amount!r} is not a number of hosts; write 35, '25%' or 'all'")


def plan(hosts: Sequence[Host], stages: Sequence[Stage], seed: int | str) -> tuple[StagePlan, ...]:
    """Give every host its stage.

    The same hosts (in any order), stages and seed give the same plan. Each stage is drawn from the hosts that the
    stages before have left; a stage for which none are left is not in the result. Hosts are sorted by name.

    :raises ConfigError: no hosts, no stages, a stage name twice, an amount that is none, or hosts in no stage.
    """
    _check(hosts, stages)
    waiting = _by_role_in_seeded_order(hosts, seed)
    result: list[StagePlan] = []
    for stage in stages:
        remaining = sum(len(group) for group in waiting.values())
        size = min(stage_size(stage.hosts, len(hosts)), remaining)
        if size == 0:
            continue
        chosen = _draw(waiting, size)
        result.append(StagePlan(stage.name, chosen, stage.watch, _budget(stage, size)))
    left = sum(len(group) for group in waiting.values())
    if left:
        raise ConfigError(f"rollout: {left} of {len(hosts)} hosts are in no stage; end with a stage of 'hosts: all'")
    return tuple(result)


def _percent(amount: Amount) -> float | None:
    found = _PERCENT.fullmatch(amount.strip()) if isinstance(amount, str) else None
    if found is None:
        return None
    value = float(found.group(1))
    return value if value <= 100 else None


def _budget(stage: Stage, size: int) -> int:
    percent = _percent(stage.budget)
    if percent is not None:
        return math.floor(size * percent / 100)
    if isinstance(stage.budget, int) and not isinstance(stage.budget, bool) and stage.budget >= 0:
        return stage.budget
    raise ConfigError(f"stage {stage.name}: budget {stage.budget!r} is not a number of hosts; write 2 or '5%'")


def _check(hosts: Sequence[Host], stages: Sequence[Stage]) -> None:
    if not hosts:
        raise ConfigError("rollout: the fleet has no hosts")
    if not stages:
        raise ConfigError("rollout: no stages; give at least one with 'hosts: all'")
    for kind, names in (("host", [host.name for host in hosts]), ("stage", [stage.name for stage in stages])):
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise ConfigError(f"rollout: {kind} name {twice[0]!r} is there twice")


def _by_role_in_seeded_order(hosts: Sequence[Host], seed: int | str) -> dict[str, list[Host]]:
    """Order by a hash of the seed and the name: as good as a shuffle, and needs no generator that remembers."""

    def rank(name: str) -> str:
        return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()

    groups: dict[str, list[Host]] = {}
    for host in sorted(hosts, key=lambda host: rank(f"host {host.name}")):
        groups.setdefault(host.role, []).append(host)
    # The order of the roles breaks ties in _draw, so it must not favour the same role in every rollout.
    return {role: groups[role] for role in sorted(groups, key=lambda role: rank(f"role {role}"))}


def _draw(waiting: dict[str, list[Host]], size: int) -> tuple[Host, ...]:
    """Take ``size`` hosts out of ``waiting``, in proportion to the roles; every role gets one if there is room.

    Seats by Webster's method: the next goes to the role with the largest (hosts) / (2 * seats + 1).
    """
    have = {role: len(group) for role, group in waiting.items() if group}
    seats = dict.fromkeys(have, 0)
    for role in sorted(have, key=lambda role: -have[role])[:size]:
        seats[role] = 1
    for _ in range(size - sum(seats.values())):
        free = [role for role in have if seats[role] < have[role]]
        best = max(free, key=lambda role: have[role] / (2 * seats[role] + 1))
        seats[best] += 1
    chosen = [waiting[role].pop() for role, count in seats.items() for _ in range(count)]
    return tuple(sorted(chosen, key=lambda host: host.name))
