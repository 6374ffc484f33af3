# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd wrong``: this revert was a mistake; the gate is judged by how many there are."""

from __future__ import annotations

import argparse

from buildbot_cd.cli.asking.acting import landing_arguments, order_landing

HELP = "say that the gate was wrong to take a landing back; the same patch may then be pushed again"

arguments = landing_arguments


def run(given: argparse.Namespace) -> int:
    """0; 1 if the landing was not taken back by the gate's own judgement, or somebody has said so before."""
    return order_landing(given, "call_wrong")
