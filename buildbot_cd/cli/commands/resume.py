# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd resume``: the gate opens again."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import order, reason_option
from buildbot_cd.cli.asking.client import Client, options

HELP = "open a gate that is frozen, draining or halted; halted landings go on where they stood"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    reason_option(parser, required=False)
    parser.add_argument("--adopt", action="store_true", help="take a trunk that was rewritten by hand as it stands")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when the gate is open."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    action = "adopt" if given.adopt else "resume"
    return order(given, client, f"gates/{gate['name']}", action, reason=given.reason)
