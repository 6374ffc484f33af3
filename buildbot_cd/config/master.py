# SPDX-License-Identifier: GPL-2.0-only
"""cd.yaml, the configuration of the master."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from buildbot_cd.config import crosschecks
from buildbot_cd.config.backstop import Backstop
from buildbot_cd.config.document import parse
from buildbot_cd.config.files import read_text
from buildbot_cd.config.fleet import Fleet, Release, RolloutStage
from buildbot_cd.config.immune import Immune
from buildbot_cd.config.problems import ConfigErrors, nearest
from buildbot_cd.config.section import Section
from buildbot_cd.config.surroundings import Surroundings, check_names
from buildbot_cd.config.trunk import Check, Gate, Git, Trunk
from buildbot_cd.config.validation import validate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


class MasterConfig(Section):
    """All of cd.yaml. Only `trunk` must be there: the gate, the checks and the fleet may each be adopted alone."""

    trunk: Trunk
    """The branch that is watched."""
    git: Git | None = None
    """The worker that builds candidates and pushes reverts."""
    gate: Gate | None = None
    """The slots of trunk; without it pushes are not tested one by one."""
    checks: Annotated[tuple[Check, ...], Field(min_length=1)] = ()
    """What a landing must pass; without a gate they serve `buildbot try` alone."""
    release: Release | None = None
    """How a revision becomes the files that hosts carry."""
    fleet: Fleet | None = None
    """The hosts."""
    rollout: Annotated[tuple[RolloutStage, ...], Field(min_length=1)] = ()
    """The stages in which hosts are switched."""
    immune: Immune | None = None
    """The judge of the metrics."""
    backstop: Backstop | None = None
    """What idle test workers do."""

    @property
    def suite(self) -> Check | None:
        """The check that is the sharded test run, if there is one."""
        return next((check for check in self.checks if check.tests is not None), None)


def load_master(path: Path, around: Surroundings | None = None) -> MasterConfig:
    """Read cd.yaml; ``around`` as in `parse_master`.

    Raises:
        ConfigErrors: it cannot be read, or not be used as written; holds all that is wrong.
    """
    return parse_master(read_text(path), str(path), around)


def parse_master(text: str, file: str = "cd.yaml", around: Surroundings | None = None) -> MasterConfig:
    """Return the configuration that `text` describes; `file` is what errors call it.

    With ``around`` the names of workers and builders are looked up in the master's own configuration.

    Raises:
        ConfigErrors: it cannot be used as written; holds all that is wrong.
    """
    document = parse(text, file)
    config, problems = validate(MasterConfig, document.value, document)
    if isinstance(document.value, dict):
        sound = config or _sound_part(document.value, {problem.key for problem in problems})
        problems += [document.problem(*objection) for objection in _objections(sound, document.value)]
        names = check_names(sound, around) if around is not None else ()
        problems += [document.problem(*objection) for objection in names]
    if problems or config is None:
        raise ConfigErrors(problems)
    return config


def _sound_part(value: dict[str, Any], bad_keys: Collection[str]) -> MasterConfig:
    """What can be used of a file with errors, so that what its sections demand of each other is told at once."""
    bad = {key.split(".")[0].split("[")[0] for key in bad_keys}
    sound = {name: part for name, part in value.items() if name not in bad and name in MasterConfig.model_fields}
    return MasterConfig.model_validate({"trunk": {"repository": "stands for one that is wrong"}, **sound})


def _objections(config: MasterConfig, present: Collection[str]) -> Iterator[crosschecks.Objection]:
    meant = {nearest(key, MasterConfig.model_fields) for key in present}  # a misspelt section is not missing as well
    yield from crosschecks.missing_sections(meant)
    yield from crosschecks.check_checks(config.checks)
    if config.backstop is not None and config.checks and config.suite is None:
        yield ("backstop",), "needs a check that is a sharded test run: its workers and its tests"
    if config.fleet is not None:
        yield from crosschecks.check_fleet(config.fleet)
    yield from crosschecks.check_rollout(config.rollout, config.fleet)
    if config.immune is not None:
        yield from crosschecks.check_immune(config.immune, config.rollout)
