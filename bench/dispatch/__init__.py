# SPDX-License-Identifier: GPL-2.0-only
"""The dispatcher: in simulation, in what its claims cost the master, in real processes, and with a real master.

    simulation  production classes and a made-up clock, against pytest-xdist, pytest-split and plain queues
    claims      45 shards ask at once, on SQLite and PostgreSQL: how long a claim takes, and the master's CPU
    real        sleep suites in real processes, against pytest-xdist and pytest-split; wants a quiet machine
    master      a real master and two workers with the suites of attrs and marshmallow, against ``pytest -n 2``

All of them run, in this order; ``BENCH_PARTS=simulation,claims`` picks some. ``--quick`` picks these two, made smaller,
unless others are named.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from bench.report import Report

if TYPE_CHECKING:
    from bench.report import Options

PARTS = {"simulation": "simulated", "claims": "claims", "real": "real", "master": "master"}
QUICK = "simulation,claims"


def run(options: Options) -> Report:
    """The parts, each with a headline; figures by part."""
    whole = Report("dispatch", options.seed)
    for name in _wanted(quick=options.quick):
        print(f"== {name}\n")
        part: Report = importlib.import_module(f"bench.dispatch.{PARTS[name]}").run(options)
        whole.ours[name], whole.peers[name], whole.bound[name] = part.ours, part.peers, part.bound
        for target in part.targets:
            target.name = f"{name}: {target.name}"
        whole.targets += part.targets
    return whole


def _wanted(*, quick: bool) -> list[str]:
    names = os.environ.get("BENCH_PARTS") or (QUICK if quick else ",".join(PARTS))
    wanted = [one.strip() for one in names.split(",") if one.strip()]
    unknown = [one for one in wanted if one not in PARTS]
    if unknown:
        raise SystemExit(f"BENCH_PARTS: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return wanted
