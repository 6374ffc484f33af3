# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd freeze``: nobody is let in, nothing enters deployment, and everybody sees who said so and why."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import moment_option, order, reason_option
from buildbot_cd.cli.asking.client import Client, options

HELP = "close the gate, with a reason that everybody who waits is shown"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    reason_option(parser, required=True)
    moment_option(parser)
    parser.add_argument("--drain", action="store_true", help="let those inside finish, and admit nobody")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when the gate is closed."""
    client = Client.of(given)
    gate = client.gate(given.gate)
    action = "drain" if given.drain else "freeze"
    return order(given, client, f"gates/{gate['name']}", action, reason=given.reason, until=given.until)
