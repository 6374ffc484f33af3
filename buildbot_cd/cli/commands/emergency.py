# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd emergency``: a landing that waits goes into the fast lane; it skips no test and no canary."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import landing_arguments, order_landing

HELP = "put a landing that waits into the fast lane, with a reason that those who are overtaken are shown"

arguments = landing_arguments


def run(given: argparse.Namespace) -> int:
    """0 when it is in the fast lane."""
    return order_landing(given, "emergency")
