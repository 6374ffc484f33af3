# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd show``: all about one landing."""

from __future__ import annotations

import argparse
import json
from typing import Any

from buildbot_cd.cli.asking.acting import find
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ahead, clock, plain, span, table

HELP = "one landing: its history, its tests with what was missing, its rollout and the verdicts"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("landing", help="its number, or the full name of its newest commit")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0; 1 if there is no such landing."""
    client = Client.of(given)
    landing = find(client, given.landing)
    path = f"landings/{landing['id']}"
    transitions = client.rows(f"{path}/transitions", "transitions")
    runs = client.rows(f"{path}/runs", "runs")
    rollouts = client.rows(f"{path}/rollouts", "rollouts")
    if given.json:
        told = {"landing": landing, "transitions": transitions, "runs": runs, "rollouts": rollouts}
        print(json.dumps(told, indent=1))
        return 0
    print("\n".join(header(landing)))
    print()
    table(
        ["at", "state", "for", "by", "reason"],
        [[clock(t["at"]), _state(t["after"]), _for(t["seconds"]), t["actor"], t["reason"]] for t in transitions],
    )
    for one in runs:
        print("\n" + "\n".join(run_lines(one)))
    for one in rollouts:
        print("\n" + "\n".join(rollout_lines(one)))
    return 0


def header(landing: dict[str, Any]) -> list[str]:
    """What it is, and where it stands."""
    lines = [
        f"landing {landing['id']}: {plain(landing['subject'])}",
        f"  {landing['base'][:12]}..{landing['head'][:12]} of {plain(landing['engineer'])}",
        f"  {_state(landing['state'])}: {plain(landing['reason'])}",
    ]
    waiting = landing["waiting"]
    if waiting:
        eta = ahead(waiting["eta"])
        lines.append(f"  waits: {plain(waiting['why'])}" + (f"; live in {eta}" if eta else ""))
    if landing["failing"]:
        lines.append("  against it: " + ", ".join(plain(one) for one in landing["failing"]))
    if landing["revert"]:
        lines.append(f"  taken back by {landing['revert']}; nothing is lost:")
        lines.append(f"  git cherry-pick {landing['base'][:12]}..{landing['head'][:12]}")
    return lines


def run_lines(run: dict[str, Any]) -> list[str]:
    """A test run: how many, how fast, what was missing."""
    counts = run["counts"]
    lines = [f"tests ({run['kind']}): {counts['done']} of {counts['total']} done, {counts['failed']} failed"]
    if run["makespan"] is not None and run["lower_bound"]:
        lines.append(
            f"  took {span(run['makespan'])}; no schedule beats {span(run['lower_bound'])}: {plain(run['advice'])}"
        )
    lines += [f"  missing tag {plain(one['tag'])}: {plain(one['because'])}" for one in run["missing_tags"]]
    return lines + ([f"  {plain(run['error'])}"] if run["error"] else [])


def rollout_lines(rollout: dict[str, Any]) -> list[str]:
    """A rollout: how far it got, and the newest verdict."""
    marks = ", ".join(f"{count} {mark}" for mark, count in rollout["marks"].items())
    lines = [f"rollout of {rollout['release']}: {_state(rollout['state'])} ({marks or 'no host touched'})"]
    verdict = rollout["verdict"]
    return lines + ([f"  {verdict['stage']}: {verdict['kind']}: {plain(verdict['reason'])}"] if verdict else [])


def _state(name: str) -> str:
    return name.replace("_", " ")


def _for(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)
