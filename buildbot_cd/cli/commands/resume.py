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
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when the gate is open."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    return order(given, client, f"gates/{gate['name']}", "resume", reason=given.reason)
