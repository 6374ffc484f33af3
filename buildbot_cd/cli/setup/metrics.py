# SPDX-License-Identifier: GPL-2.0-only
"""One reading of the metrics, by the master's own sources."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from twisted.internet import defer, task

from buildbot_cd.cli.setup.checkup import SHOWN, Finding
from buildbot_cd.engine.fleet_plan import read_hosts
from buildbot_cd.engine.providers import source_of
from buildbot_cd.errors import CdError
from buildbot_cd.sources.snapshot import HostAddress

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot_cd.config.immune import Immune
    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.sources.snapshot import Snapshot

REMEDY = "mend immune.source and the names under immune.metrics; ask the address by hand with curl"


def metrics(config: MasterConfig, folder: Path) -> Finding | None:
    """Whether every host's metrics answer; None if nothing is watched. Runs the event loop: once in a process."""
    immune, fleet = config.immune, config.fleet
    if immune is None or fleet is None:
        return None
    try:
        hosts = [HostAddress(one.name, one.address, one.role) for one in read_hosts(fleet.hosts, folder)]
        seen = _read(immune, hosts)
    except (CdError, OSError) as error:
        return Finding("metrics", ok=False, text=str(error), remedy=REMEDY)
    silent = sorted(host.name for host in hosts if not seen.values.get(host.name))
    text = f"{len(hosts) - len(silent)} of {len(hosts)} hosts have metrics"
    shown = f" (none: {', '.join(silent[:SHOWN])})" if silent else ""
    return Finding("metrics", ok=not silent, text=text + shown, remedy=REMEDY if silent else "")


def _read(immune: Immune, hosts: list[HostAddress]) -> Snapshot:
    found: list[Snapshot] = []
    failed: list[CdError] = []

    async def look(reactor: Any) -> None:
        source = source_of(reactor, immune)
        try:
            found.append(await source.read(hosts))
        except CdError as error:
            failed.append(error)
        finally:
            await source.close()

    with contextlib.suppress(SystemExit):
        task.react(lambda reactor: defer.ensureDeferred(look(reactor)))
    if failed:
        raise failed[0]
    return found[0]
