# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd emergency``: a landing that waits goes into the fast lane; it skips no test and no canary."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import order, reason_option
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.commands.show import find

HELP = "put a landing that waits into the fast lane, with a reason that those who are overtaken are shown"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("landing", help="its number, or the full name of its newest commit")
    reason_option(parser, required=True)
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when it is in the fast lane."""
    client = Client.of(given)
    landing = find(client, given.landing)
    path = f"landings/{landing['id']}"
    return order(given, client, path, "emergency", reason=given.reason, expect=landing["version"])
