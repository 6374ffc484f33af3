# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd queue``: who waits at which place, and when it is whose turn."""

from __future__ import annotations

import argparse
import json

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ago, ahead, table

HELP = "the landings that wait for the test slot, in the order in which they will be let in"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)


def run(given: argparse.Namespace) -> int:
    """Always 0, also with an empty queue."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    found = {
        one["id"]: one for one in client.rows("landings", "landings", gate=gate["name"], state="queued", limit=500)
    }
    waiting = [found[ident] for ident in gate["queue"] if ident in found]
    if given.json:
        print(json.dumps(waiting, indent=1))
    elif not waiting:
        print("nobody waits")
    else:
        now = float(gate["now"])
        table(
            ["place", "landing", "for", "turn in", "live in", "engineer", "subject", "why it waits"],
            [
                [
                    one["waiting"]["position"],
                    one["id"],
                    ago(one["queued_at"], now),
                    ahead(one["waiting"]["turn"], now),
                    ahead(one["waiting"]["eta"], now),
                    one["engineer"],
                    one["subject"],
                    one["waiting"]["why"],
                ]
                for one in waiting
            ],
        )
    return 0
