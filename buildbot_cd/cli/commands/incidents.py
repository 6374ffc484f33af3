# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd incidents``: what was taken back, and what is still to be learnt from it."""

from __future__ import annotations

import argparse
import json

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ago, span, table

HELP = "the incidents that have not closed, the overdue ones first"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--all", action="store_true", help="closed ones too, as far as they are among the newest 50")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0; 1 if one is overdue."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    found = client.rows("incidents", "incidents", gate=gate["name"], limit=500, open=1)
    if given.all:
        known = {one["id"] for one in found}
        newest = client.rows("incidents", "incidents", gate=gate["name"], limit=50)
        found += [one for one in newest if one["id"] not in known]
    found.sort(key=lambda one: (not one["overdue"], -one["id"]))
    if given.json:
        print(json.dumps(found, indent=1))
    elif not found:
        print("nothing is left to be learnt")
    else:
        now = float(gate["now"])
        table(
            ["incident", "cause", "state", "opened", "due", "about", "what is missing"],
            [
                [
                    one["id"],
                    one["cause"],
                    "overdue" if one["overdue"] else one["state"],
                    ago(one["opened_at"], now),
                    "" if not one["open"] else ("over" if one["overdue"] else f"in {span(one['due_at'] - now)}"),
                    one["subject"],
                    one["obstacle"],
                ]
                for one in found
            ],
        )
    return 1 if any(one["overdue"] for one in found) else 0
