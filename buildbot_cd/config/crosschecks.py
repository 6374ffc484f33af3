# SPDX-License-Identifier: GPL-2.0-only
"""What sections of cd.yaml demand of each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from buildbot_cd.config.problems import Location

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from buildbot_cd.config.fleet import Fleet, RolloutStage
    from buildbot_cd.config.immune import Immune
    from buildbot_cd.config.trunk import Check

Objection = tuple[Location, str]

_NEEDS = {
    "gate": {
        "git": "a worker that builds candidates and pushes reverts",
        "checks": "at least one check that a landing must pass",
    },
    "release": {"fleet": "hosts to bring the release to"},
    "fleet": {
        "release": "the deploy worker, and what it brings to the hosts",
        "rollout": "the stages in which hosts are switched",
    },
    "rollout": {"fleet": "hosts to bring the release to"},
    "backstop": {
        "gate": "landings, among which a failure's cause is looked for",
        "checks": "the sharded test run, whose workers and tests it uses",
    },
    "immune": {"rollout": "stages whose hosts are watched"},
}


def missing_sections(present: Collection[str | None]) -> Iterator[Objection]:
    """Yield what the sections in the file need and the file has not."""
    for section, needs in _NEEDS.items():
        for needed, why in needs.items():
            if section in present and needed not in present:
                yield (section,), f"needs the section '{needed}': {why}"


def check_checks(checks: tuple[Check, ...]) -> Iterator[Objection]:
    """At most one sharded run, for its builders exist once; no builder twice."""
    suites = [index for index, check in enumerate(checks) if check.tests is not None]
    for index in suites[1:]:
        yield ("checks", index, "tests"), f"there can be one sharded test run only, and checks[{suites[0]}] is one"
    yield from _doubles(("checks",), "builder", [check.builder for check in checks])


def check_fleet(fleet: Fleet) -> Iterator[Objection]:
    """Hosts must not share a directory, and a remote one must not depend on where a login begins."""
    root = fleet.root or ""
    if (fleet.transport == "command") != (fleet.commands is not None):
        yield ("fleet", "commands"), "belong to the transport command, which needs them"
    if fleet.transport == "command":
        for key in ("root", "restart", "drain", "pull"):
            if getattr(fleet, key) is not None:
                yield ("fleet", key), "belongs to ssh and local: with the transport command your programs do that"
    elif fleet.root is None:
        yield ("fleet", "root"), "should be given: the directory on a host that holds releases/ and current"
    elif fleet.transport == "local" and "{name}" not in root:
        yield ("fleet", "root"), "should hold {name}: with the transport local all hosts are on one machine"
    elif fleet.transport == "ssh" and not root.startswith("/"):
        yield ("fleet", "root"), "should be an absolute path"


def check_rollout(stages: tuple[RolloutStage, ...], fleet: Fleet | None) -> Iterator[Objection]:
    """Stages grow, and end with the whole fleet."""
    yield from _doubles(("rollout",), "stage", [stage.stage for stage in stages])
    last = len(stages) - 1
    for index, stage in enumerate(stages):
        place = ("rollout", index, "hosts")
        if not stage.hosts.count and not stage.hosts.share:
            yield place, "should be at least one host"
        if index == last and not stage.hosts.everything:
            yield place, "the last stage should have hosts: all"
        if index < last and stage.hosts.everything:
            yield place, "only the last stage can have all hosts"
        if index and _shrinks(stages[index - 1], stage):
            yield place, f"should be more than the {stages[index - 1].hosts} of the stage before, which count in"
    size = len(fleet.hosts.inline) if fleet is not None and fleet.hosts.inline is not None else None
    for index, stage in enumerate(stages[:last]):
        if size is not None and stage.hosts.count is not None and stage.hosts.count >= size:
            yield ("rollout", index, "hosts"), f"should be fewer than the {size} hosts of the fleet"


def check_immune(immune: Immune, stages: tuple[RolloutStage, ...]) -> Iterator[Objection]:
    """There must be a time to watch in, and figures that can be told apart."""
    yield from _doubles(("immune", "metrics"), "name", [metric.name for metric in immune.metrics])
    if stages and not immune.settle and not any(stage.watch for stage in stages):
        yield ("immune",), "needs a stage of the rollout with watch: the time in which to judge"
    for index, stage in enumerate(stages):
        if 0 < stage.watch < immune.source.every:
            yield ("rollout", index, "watch"), "is shorter than immune.source.every: nothing would be seen"


def _shrinks(before: RolloutStage, after: RolloutStage) -> bool:
    """Counts and shares cannot be compared without the fleet's size."""
    if before.hosts.count is not None and after.hosts.count is not None:
        return after.hosts.count <= before.hosts.count
    if before.hosts.share is not None and after.hosts.share is not None and not before.hosts.everything:
        return after.hosts.share <= before.hosts.share
    return False


def _doubles(parent: Location, key: str, names: list[str | None]) -> Iterator[Objection]:
    counts = Counter(names)
    for index, name in enumerate(names):
        if name is not None and counts[name] > 1 and names.index(name) < index:
            yield (*parent, index, key), f"'{name}' occurs twice, first as {parent[-1]}[{names.index(name)}]"
