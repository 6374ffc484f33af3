# SPDX-License-Identifier: GPL-2.0-only
"""``python -m bench gate``: what the gate costs beside stock Buildbot, with checks and a deploy that take no time.

Each hop of a landing is held against the time that a stock master of the same kind needs, on the same machine and in
the same minute, for as many trivial builds in a row as the hop has builds. Both take turns, and medians are compared.

Behind the hops: landings an hour, how soon another master goes on for one that was killed, what a look of the
reconciler costs with a long history, and a day of IMVU's size beside other ways.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.gate import day, failover, reconcile
from bench.gate.masters import WITH_STEPS, Ours, Stock
from bench.report import Options, Report, Target, table

MOST = 1.5
ROUNDS = {True: 5, False: 20}
STREAM = {True: 6, False: 12}
"""Landings that are pushed at once."""


@dataclass(frozen=True)
class Hop:
    """A part of a landing's way: from which event to which, and how many builds it has in a row."""

    name: str
    begin: str
    end: str
    builds: int
    target: bool = True


HOPS = (
    Hop("push -> TESTING", "told", "testing", 1),
    Hop("failed verdict -> revert on trunk", "reverting", "pushed", 1),
    Hop("PASSED -> first canary switch", "passed", "switched", 1),
    Hop("first failure -> failed verdict", "confirming", "reverting", 2, target=False),
    Hop("TESTING -> PASSED", "testing", "passed", 1, target=False),
)


def run(options: Options) -> Report:
    """Measure, print the table, and give the report."""
    with tempfile.TemporaryDirectory(prefix="cd-bench-") as folder:
        ours, stock = Ours(Path(folder) / "ours"), Stock(Path(folder) / "stock")
        try:
            stock.start()
            ours.start()
            seen, chains = _rounds(ours, stock, ROUNDS[options.quick])
            took = ours.stream(STREAM[options.quick])
        finally:
            for one in (ours, stock):
                one.site.stop()
    report = _report(options, seen, chains)
    whole = [one["live"] - one["told"] for one in seen if "live" in one]
    report.ours["landings an hour, one after the other"] = round(3600 / median(whole), 1)
    report.ours["landings an hour, a full queue"] = round(3600 * STREAM[options.quick] / took, 1)
    print(f"landings an hour, one after the other: {3600 / median(whole):.0f}, with a full queue:", end=" ")
    print(f"{3600 * STREAM[options.quick] / took:.0f}")
    table(failover.HEAD, failover.add(report, quick=options.quick))
    table(reconcile.HEAD, reconcile.add(report, quick=options.quick))
    table(day.HEAD, day.add(report, options.seed, quick=options.quick))
    return report


def _rounds(ours: Ours, stock: Stock, number: int) -> tuple[list[dict[str, float]], list[list[float]]]:
    """One round that is thrown away, then so many: a good landing, a chain, a bad landing, a chain."""
    seen: list[dict[str, float]] = []
    chains: list[list[float]] = []
    for turn in range(number + 1):
        for good in (True, False):
            seen.append(ours.land(f"change {turn} {good}", good=good))
            chains.append(stock.chain())
        print(f"\rround {turn} of {number}, load {os.getloadavg()[0]:.1f}", end="", flush=True)
    print()
    return seen[2:], chains[2:]


def _report(options: Options, seen: list[dict[str, float]], chains: list[list[float]]) -> Report:
    # A hop that begins with a push is held against builds that a push starts, the others against a build's end.
    first = median(chain[1] - chain[0] for chain in chains)
    next_one = median(after - before for chain in chains for before, after in pairwise(chain[1:-1]))
    same_steps = median(chain[-1] - chain[-2] for chain in chains)
    report = Report("gate", options.seed)
    rows: list[list[object]] = []
    for hop in HOPS:
        times = [one[hop.end] - one[hop.begin] for one in seen if hop.begin in one and hop.end in one]
        mine, theirs = median(times), (first if hop.begin == "told" else next_one) * hop.builds
        rows.append([hop.name, hop.builds, 1000 * mine, 1000 * theirs, mine / theirs, len(times)])
        report.ours[hop.name] = round(mine, 4)
        report.peers[hop.name] = round(theirs, 4)
        if hop.target:
            report.targets.append(Target(f"{hop.name}, times stock", mine / theirs, most=MOST))
    report.peers[f"stock build of checkout and two commands ({WITH_STEPS})"] = round(same_steps, 4)
    mine = float(report.ours[HOPS[2].name])
    rows.append([f"{HOPS[2].name}, beside a stock build of as many steps", 1, 1000 * mine, 1000 * same_steps])
    rows[-1] += [mine / same_steps, len(chains)]
    table(["hop", "builds in a row", "ours ms", "stock ms", "ratio", "n"], rows)
    return report
