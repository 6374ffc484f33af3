# SPDX-License-Identifier: GPL-2.0-only
"""The builders that a cd.yaml asks for, made of stock parts and our steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.config import BuilderConfig
from buildbot.process.factory import BuildFactory
from buildbot.process.properties import Property
from buildbot.process.results import SKIPPED
from buildbot.steps.shell import ShellCommand
from buildbot.steps.source.git import Git
from twisted.internet import defer

from buildbot_cd.engine.builds import Builds
from buildbot_cd.plugins.build import Build
from buildbot_cd.plugins.steps.begin_rollout import BeginRollout
from buildbot_cd.plugins.steps.checkout import Checkout
from buildbot_cd.plugins.steps.explain_escape import ExplainEscape
from buildbot_cd.plugins.steps.finish_rollout import FinishRollout
from buildbot_cd.plugins.steps.git_effect import GitEffect
from buildbot_cd.plugins.steps.immune_system import ImmuneSystem
from buildbot_cd.plugins.steps.repair_fleet import RepairFleet
from buildbot_cd.plugins.steps.roll_back import RollBack
from buildbot_cd.plugins.steps.run_tests import RunTests
from buildbot_cd.plugins.steps.select_tests import SelectTests
from buildbot_cd.plugins.steps.stage_release import StageRelease
from buildbot_cd.plugins.steps.switch_hosts import SwitchHosts
from buildbot_cd.plugins.steps.watch_on import WatchOn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.config.master import MasterConfig

TAG = "cd"
"""The tag of all our builders on Buildbot's pages."""

DEPLOY_FOLDER = "cd-fleet"
"""The folder on the deploy worker that rollout and rollback share, so that both find the daemon and its connections."""


def builders_for(config: MasterConfig) -> list[BuilderConfig]:
    """All builders that this configuration needs."""
    made: list[BuilderConfig] = []
    if config.git is not None:
        step = GitEffect(config.git.python, config.trunk.repository, config.trunk.branch, config.git.author)
        made.append(_builder("cd-git", [config.git.worker], [step], "looks at trunk, builds candidates, reverts"))
    suite = config.suite.tests if config.suite is not None else None
    if suite is not None:
        checkout = [_checkout(config), *_setup(suite.setup)]
        take = _test_of_trunk(config)
        select = SelectTests(python=suite.python)
        run = RunTests(python=suite.python, record="always" if suite.map else "auto")
        made += [
            _builder("cd-plan", suite.workers, [_checkout(config), select], "selects the tests of a candidate"),
            _builder(
                "cd-test", suite.workers, [*checkout, *take, run], "a shard: claims tests until none are left", avoid
            ),
            _builder("cd-try", suite.workers, [*checkout, select, run], "tries a patch from a sandbox"),
        ]
        if config.backstop is not None:
            explain = ExplainEscape(python=suite.python)
            made += [
                _builder("cd-backstop", suite.workers, [*checkout, run], "runs what the gate left out", avoid),
                _builder("cd-explain", suite.workers, [_checkout(config), explain], "says what would have told"),
            ]
    return made + _deploying(config)


def _deploying(config: MasterConfig) -> list[BuilderConfig]:
    if config.release is None or config.fleet is None or not config.rollout:
        return []
    release, fleet = config.release, config.fleet
    common: dict[str, Any] = {"fleet": fleet, "python": release.python}
    made: list[Any] = [Checkout(release.python, config.trunk.repository, config.trunk.branch)]
    hooks = any(stage.before or stage.after for stage in config.rollout)
    steps: list[Any] = list(made) if hooks else []  # their commands are found in the checkout
    if release.build:
        made.append(ShellCommand(command=list(release.build), name="build release", haltOnFailure=True))
    made.append(StageRelease(path=release.path, place=f"../../{DEPLOY_FOLDER}", **common))
    steps.append(BeginRollout(immune=config.immune, **common))
    for stage in config.rollout:
        steps.append(SwitchHosts(stage=stage.stage, before=stage.before, after=stage.after, **common))
        if config.immune is not None and stage.watch:
            steps.append(ImmuneSystem(stage=stage.stage, immune=config.immune, **common))
    steps.append(FinishRollout(**common))
    worker = [release.worker]
    repair = [_builder("cd-repair", worker, [RepairFleet(**common)], "puts hosts right", folder=DEPLOY_FOLDER)]
    others = repair if fleet.repair else []
    if config.immune is not None and config.immune.settle:
        watch = WatchOn(immune=config.immune, **common)
        others.append(_builder("cd-watch", worker, [watch], "watches on while the next release is deployed"))
    return [
        *others,
        _builder("cd-stage", worker, made, "makes a release and brings it to the hosts"),
        _builder("cd-deploy", worker, steps, "switches the fleet to a release, stage by stage", folder=DEPLOY_FOLDER),
        _builder("cd-rollback", worker, [RollBack(**common)], "takes the fleet back", folder=DEPLOY_FOLDER),
    ]


def _builder(
    name: str,
    workers: Sequence[str],
    steps: Sequence[Any],
    description: str,
    next_worker: Any = None,
    folder: str | None = None,
) -> BuilderConfig:
    factory = BuildFactory(list(steps))
    factory.buildClass = Build
    return BuilderConfig(
        name=name,
        workernames=list(workers),
        factory=factory,
        description=description,
        tags=[TAG],
        collapseRequests=False,
        nextWorker=next_worker,
        workerbuilddir=folder,
    )


def _checkout(config: MasterConfig) -> Git:
    return Git(
        repourl=config.trunk.repository,
        branch=config.trunk.branch,
        mode="full",
        method="clean",
        haltOnFailure=True,
        name="checkout",
    )


def _test_of_trunk(config: MasterConfig) -> list[ShellCommand]:
    """A test that is younger than what it shall be shown to catch is taken from trunk, into the older revision."""
    wanted: dict[str, Any] = {"doStepIf": _takes_a_test, "hideStepIf": _is_skipped, "haltOnFailure": True}
    trunk = f"refs/heads/{config.trunk.branch}"
    take = ["git", "checkout", Property("cd_from"), "--", Property("cd_from_path")]
    return [
        ShellCommand(command=["git", "fetch", config.trunk.repository, trunk], name="fetch trunk", **wanted),
        ShellCommand(command=take, name="take the test from trunk", **wanted),
    ]


def _takes_a_test(step: Any) -> bool:
    return bool(step.getProperty("cd_from"))


def _is_skipped(results: int, _step: Any) -> bool:
    return results == SKIPPED


def _setup(argv: Sequence[str] | None) -> list[ShellCommand]:
    return [ShellCommand(command=list(argv), name="setup", haltOnFailure=True)] if argv else []


async def _avoid(builder: Any, workers: Sequence[Any], request: Any) -> Any:
    avoided = request.properties.getProperty("cd_avoid") or ""
    alone = len(builder.config.workernames) == 1
    fit = [one for one in workers if alone or one.worker.workername != avoided]
    if len(fit) > 1 and builder.master.config.multiMaster:
        busy = await Builds(builder.master).at_work(builder.name)
        fit.sort(key=lambda one: one.worker.workername in busy)
    return fit[0] if fit else None


def avoid(builder: Any, workers: Sequence[Any], request: Any) -> Any:
    """Not the worker on which a test failed: ``cd_avoid`` names it. None lets the request wait for another one.

    A pool of one has no other: there the same worker has to do. One that another master has a shard on comes last.
    """
    return defer.ensureDeferred(_avoid(builder, workers, request))
