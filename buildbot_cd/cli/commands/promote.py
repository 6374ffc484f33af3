# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd promote``: end a watch early; the rollout goes on to the next hosts."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import order, reason_option
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.errors import ControlRefused

HELP = "end the watch of the present stage early: the canary's release goes on to the rest"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("rollout", nargs="?", type=int, help="which one (default: the one that is being watched)")
    reason_option(parser, required=True)
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0 when the watch is told to end; it does at its next look."""
    client = Client.of(given)
    if given.rollout is not None:
        (rollout,) = client.rows(f"rollouts/{given.rollout}", "rollouts")
    else:
        gate = client.gate(given.gate)
        found = client.rows("rollouts", "rollouts", gate=gate["name"], state="watching", limit=1)
        if not found:
            raise ControlRefused("no rollout is being watched")
        rollout = found[0]
    return order(given, client, f"rollouts/{rollout['id']}", "promote", reason=given.reason, expect=rollout["version"])
