# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd rollback``: out of production, now, whatever the metrics say."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import find, order, reason_option
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.errors import ControlRefused

HELP = "take the landing that is being deployed out of production, and revert it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("landing", nargs="?", help="which one (default: the one that is being deployed)")
    reason_option(parser, required=True)
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when the rollback has begun; `buildbot-cd show` tells how it goes on."""
    client = Client.of(given)
    if given.landing is not None:
        landing = find(client, given.landing)
    else:
        slot = client.gate(given.gate)["slots"]["deploy"]
        if slot is None:
            raise ControlRefused("nothing is being deployed")
        landing = client.rows(f"landings/{slot['landing']}", "landings")[0]
    path = f"landings/{landing['id']}"
    return order(given, client, path, "roll_back", reason=given.reason, expect=landing["state"])
