# SPDX-License-Identifier: GPL-2.0-only
"""Where metrics come from: the hosts' own pages, a metric server, a database, or a program."""

from buildbot_cd.sources.combined import CombinedSource
from buildbot_cd.sources.command import CommandSource
from buildbot_cd.sources.graphite import GraphiteSource
from buildbot_cd.sources.json_page import JsonSource
from buildbot_cd.sources.prometheus import PrometheusSource
from buildbot_cd.sources.scrape import ScrapeSource
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, Source
from buildbot_cd.sources.sql import SqlSource

__all__ = [
    "CombinedSource",
    "CommandSource",
    "GraphiteSource",
    "HostAddress",
    "JsonSource",
    "PrometheusSource",
    "ScrapeSource",
    "Snapshot",
    "Source",
    "SqlSource",
]
