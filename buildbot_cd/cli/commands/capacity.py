# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd capacity``: how many test workers are enough, from recorded runs, and which tests to split first."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from buildbot_cd.cli.database import HELP as DB
from buildbot_cd.cli.database import reading
from buildbot_cd.config.units import parse_duration
from buildbot_cd.core.dispatch.capacity import enough, splits
from buildbot_cd.engine.views.capacity import START, chunk_cost, recorded
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from buildbot_cd.core.dispatch.capacity import Recorded

HELP = "how many test workers bring 95 of 100 runs under the budget, and which tests to split first (exit 1: none does)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--db", required=True, metavar="URL", help=DB)
    parser.add_argument("--gate", default="trunk", help="which gate's runs (%(default)s)")
    parser.add_argument("--budget", type=_seconds, default=720.0, help="how long a run may take: 12m, 90s (12m)")
    parser.add_argument("--runs", type=int, default=20, help="so many of the newest runs are played (%(default)s)")
    parser.add_argument("--most", type=int, default=200, help="no more workers than so many are tried (%(default)s)")
    parser.add_argument("--start", type=_seconds, default=START, help="from a worker's start to its first test (2s)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    """0 if a number of workers is enough, 1 if none is."""
    runs, overhead = _recorded(given.db, given.gate, max(given.runs, 1))
    if not runs:
        raise CdError(f"gate {given.gate} has no finished run; --gate names another one")
    found = enough(runs, given.budget, max(given.most, 1), given.start, overhead)
    long = splits(runs, found.workers or max(given.most, 1))
    if given.json:
        told = {"workers": found.workers, "tried": found.tried, "split": [[x.nid, x.seconds, x.gain] for x in long]}
        print(json.dumps(told, indent=1))
    else:
        print(f"{len(runs)} runs, played with {overhead:.2f} s a chunk\n\nworkers  median   95th percentile")
        for workers, median, late in found.tried:
            print(f"{workers:7}  {median:6.0f} s  {late:6.0f} s{'  <- enough' if workers == found.workers else ''}")
        for one in long:
            print(f"split {one.nid.removeprefix('pytest:')}: {one.seconds:.0f} s; halved, runs gain {one.gain:.0f} s")
        if found.workers is None:
            print(f"no number of workers up to {given.most} is enough")
    return 0 if found.workers is not None else 1


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _recorded(url: str, gate: str, limit: int) -> tuple[list[Recorded], float]:
    """The newest finished runs of the gate, and the mean cost of a chunk."""
    with reading(url) as store:
        return store.transact_now(lambda tx: (recorded(tx, gate, limit), chunk_cost(tx, gate)))
