# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd demo``: the whole product on this machine, played through."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "play the whole product on this machine: a shop, its engineers, 40 hosts and their visitors"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The demo's own arguments."""
    parser.add_argument(
        "--once", action="store_true", help="stop everything at the end; exit 0 only if all went as told"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what happened as JSON, too")
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="where to play (default: .demo); made anew")
    parser.add_argument("--hosts", type=int, default=40, help="size of the fleet (default: 40)")


def run(given: argparse.Namespace) -> int:
    """Play; 0 if everything came out as told."""
    from buildbot_cd.cli.demo.play import play

    return play(given.dir, hosts=given.hosts, once=given.once, json_file=given.json)
