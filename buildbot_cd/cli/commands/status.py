# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd status``: is it safe to push, and why does what is on its way wait?"""

from __future__ import annotations

import argparse
import json
from typing import Any

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ago, ahead, clock, plain, table

HELP = "is it safe to push, who is inside, and why does each landing wait (exit 1: better not push now)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 if it is safe to push, 1 if not."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    landings = client.rows("landings", "landings", gate=gate["name"], open=1, limit=500)
    trust = client.rows(f"gates/{gate['name']}/trust", "trust")[0]
    if given.json:
        print(json.dumps({"gate": gate, "landings": landings, "trust": trust}, indent=1))
    else:
        print("\n".join([*banner(gate), *trusted(trust)]))
        if landings:
            print()
            inside(landings, float(gate["now"]))
    return 0 if gate["safe"] else 1


def banner(gate: dict[str, Any]) -> list[str]:
    """The gate in a few lines: whether to push, who set its mode and why, what is tested and what is live."""
    lines = [f"{gate['name']}: {'safe to push' if gate['safe'] else 'better not push now'}"]
    if gate["mode"] != "open":
        until = f" until {clock(gate['until'])}" if gate["until"] else ""
        lines.append(f"  {gate['mode']} by {plain(gate['by'] or 'nobody named')}{until}: {plain(gate['why'])}")
    elif gate["obstacle"]:
        lines.append(f"  {plain(gate['obstacle'])}")
    live, tested = ((gate[name] or "nothing yet")[:12] for name in ("live", "tested"))
    lines.append(f"  live {live}, tested {tested}, {gate['queued']} waiting")
    return lines


def trusted(trust: dict[str, Any]) -> list[str]:
    """How often the gate was wrong, and which tests do not count; nothing where there is nothing to tell."""
    lines = []
    if trust["reverts"]:
        rate, wrong = trust["false_revert_rate"], trust["wrong_reverts"]
        lines.append(f"  {trust['reverts']} taken back in {trust['days']} days, {wrong} of them wrongly ({rate:.1%})")
    if trust["flaky"] or trust["quarantines"]:
        lines.append(f"  {trust['flaky']} flaky tests, {len(trust['quarantines'])} in quarantine")
    return lines


def inside(landings: list[dict[str, Any]], now: float) -> None:
    """Print the open landings: those inside first, then the queue in its order."""

    def place(one: dict[str, Any]) -> tuple[int, int]:
        return ((one["waiting"] or {}).get("position") or 0, one["id"])

    rows = []
    for one in sorted(landings, key=place):
        waiting = one["waiting"] or {}
        since = waiting.get("since", one["since"])
        rows.append(
            [
                one["id"],
                one["state"].replace("_", " "),
                ago(since, now),
                ahead(waiting.get("eta"), now),
                one["subject"],
                waiting.get("why"),
            ]
        )
    table(["landing", "state", "since", "live in", "subject", "why it waits"], rows)
