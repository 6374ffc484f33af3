# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd wrong``: this revert was a mistake; the gate is judged by how many there are."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import order, reason_option
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.commands.show import find

HELP = "say that the gate was wrong to take a landing back; the same patch may then be pushed again"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("landing", help="its number, or the full name of its newest commit")
    reason_option(parser, required=True)
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0; 1 if the landing was not taken back by the gate's own judgement, or somebody has said so before."""
    client = Client.of(given)
    landing = find(client, given.landing)
    return order(given, client, f"landings/{landing['id']}", "call_wrong", reason=given.reason)
