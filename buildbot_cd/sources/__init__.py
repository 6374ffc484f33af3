# SPDX-License-Identifier: GPL-2.0-only
"""Where metrics come from: the hosts' own pages (`scrape`), or a Prometheus server (`prometheus`)."""

from buildbot_cd.sources.prometheus import PrometheusSource
from buildbot_cd.sources.scrape import ScrapeSource
from buildbot_cd.sources.snapshot import HostAddress, Snapshot, Source

__all__ = ["HostAddress", "PrometheusSource", "ScrapeSource", "Snapshot", "Source"]
