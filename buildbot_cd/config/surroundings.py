# SPDX-License-Identifier: GPL-2.0-only
"""What cd.yaml names and master.cfg must have: workers and builders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.config.problems import Location, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.config.crosschecks import Objection
    from buildbot_cd.config.master import MasterConfig


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The names that the master's own configuration has."""

    workers: frozenset[str]
    builders: frozenset[str]


def check_names(config: MasterConfig, around: Surroundings) -> Iterator[Objection]:
    """Every worker and builder that cd.yaml names must be one of the master's."""
    for place, name in _workers(config):
        if name not in around.workers:
            hint = did_you_mean(name, around.workers)
            yield place, f"no worker is called '{name}' in c['workers'] of master.cfg{hint}"
    for index, check in enumerate(config.checks):
        if check.builder is not None and check.builder not in around.builders:
            hint = did_you_mean(check.builder, around.builders)
            place = ("checks", index, "builder")
            yield place, f"no builder is called '{check.builder}' in c['builders'] of master.cfg{hint}"


def _workers(config: MasterConfig) -> Iterator[tuple[Location, str]]:
    if config.git is not None:
        yield ("git", "worker"), config.git.worker
    for index, check in enumerate(config.checks):
        for number, name in enumerate(check.tests.workers if check.tests is not None else ()):
            yield ("checks", index, "tests", "workers", number), name
    if config.release is not None:
        yield ("release", "worker"), config.release.worker
