# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd plan``: the stages that a rollout would have, and what it would do on each host; nothing is done."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.wire import Joiner
from buildbot_cd.errors import ConfigError, FleetError

if TYPE_CHECKING:
    from buildbot_cd.config.fleet import Fleet
    from buildbot_cd.core.rollout.stages import StagePlan

HELP = "print the stages of a rollout with their hosts; with --probe, what it would do on each; nothing is done"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("config", type=Path, help="cd.yaml")
    parser.add_argument("--seed", type=int, default=0, help="draw the canaries of another rollout (default: 0)")
    parser.add_argument("--release", default="the-release", help="the id of the release, as it stands on hosts")
    parser.add_argument("--probe", action="store_true", help="ask every host; run this on the deploy worker")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    """0 if the plan can be made and, with --probe, every host answers."""
    from buildbot_cd.config.master import load_master
    from buildbot_cd.core.rollout.stages import plan
    from buildbot_cd.engine.fleet_plan import read_hosts, stages_of

    config = load_master(given.config)
    if config.fleet is None:
        raise ConfigError(f"{given.config}: has no section 'fleet', and so there is nothing to plan")
    hosts = read_hosts(config.fleet.hosts, given.config.resolve().parent)
    stages = plan(hosts, stages_of(config.rollout, len(hosts)), given.seed)
    events = _asked(config.fleet, stages, given.release) if given.probe else {}
    print(json.dumps(_as_json(stages, events), indent=1) if given.json else _as_text(stages, events))
    return 1 if any(event["phase"] != "planned" for event in events.values()) else 0


def _asked(fleet: Fleet, stages: tuple[StagePlan, ...], release: str) -> dict[str, dict[str, Any]]:
    """Each host's answer to a dry switch."""
    from buildbot_cd.engine.fleet_request import settings_of

    named = [host for stage in stages for host in stage.hosts]
    hosts = [{"name": one.name, "address": one.address, "role": one.role, "port": one.port} for one in named]
    request = {"verb": "switch", "release": release, "fence": 0, "dry": True, "hosts": hosts, **settings_of(fleet)}
    argv = [sys.executable, "-m", "buildbot_cd.worker.fleet"]
    done = subprocess.run(argv, input=json.dumps(request), capture_output=True, text=True, check=False)
    if done.returncode == 2:
        raise FleetError(done.stderr.strip())
    joiner, found = Joiner(), {}
    for line in done.stdout.splitlines():
        event = joiner.feed(line)
        if event and event.get("event") == "host":
            found[str(event["host"])] = event
    return found


def _as_json(stages: tuple[StagePlan, ...], events: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage.name,
            "watch": stage.watch,
            "budget": stage.budget,
            "hosts": [{"name": one.name, "role": one.role, **_would(events.get(one.name))} for one in stage.hosts],
        }
        for stage in stages
    ]


def _would(event: dict[str, Any] | None) -> dict[str, Any]:
    if event is None:
        return {}
    return {"would": event["would"]} if "would" in event else {"error": event.get("error", event["phase"])}


def _as_text(stages: tuple[StagePlan, ...], events: dict[str, dict[str, Any]]) -> str:
    lines = []
    for stage in stages:
        watched = f"watched for {stage.watch:g} s" if stage.watch else "not watched"
        lines.append(f"{stage.name}: {len(stage.hosts)} hosts, {watched}, {stage.budget} may fail")
        for host in stage.hosts:
            told = "; ".join(str(text) for text in _would(events.get(host.name)).values())
            lines.append(f"  {host.name} ({host.role})" + (f": {told!r}"[:300] if told else ""))
    return "\n".join(lines)
