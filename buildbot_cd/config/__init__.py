# SPDX-License-Identifier: GPL-2.0-only
"""The two configuration files: cd.yaml, the master's, and .buildbot-cd.yaml, the repository's.

`load_master` and `parse_repository` return frozen objects, or raise `ConfigErrors` with everything that is wrong.
"""

from buildbot_cd.config.fleet import Fleet, Health, Host, Inventory, Parallel, Release, RolloutStage, Ssh
from buildbot_cd.config.immune import Immune, Metric, MetricSource
from buildbot_cd.config.inventory import parse_hosts
from buildbot_cd.config.master import MasterConfig, load_master, parse_master
from buildbot_cd.config.problems import ConfigErrors, Problem
from buildbot_cd.config.repository import PathRule, RepositoryConfig, RepositoryTests, TestFiles, parse_repository
from buildbot_cd.config.trunk import Check, Gate, Git, ReversalLimits, SuiteCheck, Trunk
from buildbot_cd.config.units import Amount, format_duration, parse_amount, parse_duration, parse_ratio

__all__ = [
    "Amount",
    "Check",
    "ConfigErrors",
    "Fleet",
    "Gate",
    "Git",
    "Health",
    "Host",
    "Immune",
    "Inventory",
    "MasterConfig",
    "Metric",
    "MetricSource",
    "Parallel",
    "PathRule",
    "Problem",
    "Release",
    "RepositoryConfig",
    "RepositoryTests",
    "ReversalLimits",
    "RolloutStage",
    "Ssh",
    "SuiteCheck",
    "TestFiles",
    "Trunk",
    "format_duration",
    "load_master",
    "parse_amount",
    "parse_duration",
    "parse_hosts",
    "parse_master",
    "parse_ratio",
    "parse_repository",
]
