# SPDX-License-Identifier: GPL-2.0-only
"""By simulation, against pytest-xdist, pytest-split and plain queues: makespan over lower bound."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from bench.dispatch.simulation import EARLIER_RUNS, Row, row
from bench.dispatch.suites import NOISE, ROUND_TRIP, SCENARIOS, START, TOTAL, Scenario
from bench.report import Options, Report, Target, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEEDS = 8
QUICK_SEEDS = 2
BEHIND = 1.01
"""So much longer than the best peer's may a run be on any seed."""


def run(options: Options) -> Report:
    """Simulate all scenarios; quick: those of 4,000 tests at most, two seeds."""
    report = Report("simulation", options.seed)
    scenarios = [one for one in SCENARIOS if not options.quick or one.tests <= 4000]
    seeds = range(options.seed, options.seed + (QUICK_SEEDS if options.quick else SEEDS))
    print(
        f"Simulation: {TOTAL / 3600:g} h of tests, estimates off by a factor of exp({NOISE:g}), runners start in "
        f"{START:g} s, a way to the master and back takes {ROUND_TRIP:g} s, {len(seeds)} seeds; workers' speeds as "
        f"learned in {EARLIER_RUNS} earlier runs. Makespan / lower bound, mean over the seeds:\n"
    )
    rows = {scenario: [row(scenario, seed) for seed in seeds] for scenario in scenarios}
    _print(rows)
    for scenario, found in rows.items():
        report.ours[scenario.name] = _figures(found)
        report.peers[scenario.name] = {name: _mean(found, name) for name in found[0].peers}
        report.bound[scenario.name] = {"binding": found[0].binding, "ratio": 1.0}
    report.targets = _targets(rows)
    return report


def _figures(found: Sequence[Row]) -> dict[str, float]:
    return {
        "mean": round(mean(one.ours for one in found), 4),
        "worst": round(max(one.ours for one in found), 4),
        "speeds unknown": round(mean(one.cold for one in found), 4),
        "chunks": round(mean(one.chunks for one in found), 1),
        "idle": round(mean(one.idle for one in found), 4),
    }


def _mean(found: Sequence[Row], name: str) -> float:
    return round(mean(one.peers[name] for one in found), 4)


def _print(rows: Mapping[Scenario, Sequence[Row]]) -> None:
    for free in (True, False):
        part = {one: found for one, found in rows.items() if (found[0].perfect is not None) is free}
        names = list(dict.fromkeys(name for found in part.values() for name in found[0].peers))
        perfect = ["(perfect static)"] if free else []
        lines: list[list[object]] = []
        for scenario, found in part.items():
            figures = _figures(found)
            line: list[object] = [scenario.name, figures["mean"], figures["worst"], figures["speeds unknown"]]
            line += [_mean(found, name) for name in names]
            if free:
                line.append(round(mean(one.perfect or 0.0 for one in found), 4))
            lines.append(line)
        table(["scenario", "ours", "worst", "speeds unknown", *names, *perfect], lines)
        print()


def _targets(rows: Mapping[Scenario, Sequence[Row]]) -> list[Target]:
    wanted = (
        ("equal workers, mean", 1.02, lambda one: not one.uneven and _free(one)),
        ("uneven workers, mean", 1.04, lambda one: bool(one.uneven) and _free(one)),
        ("40 % dependent tests, mean", 1.06, lambda one: one.dependent > 0),
        ("20 chains of 25, mean", 1.10, lambda one: one.chains is not None),
    )
    targets = []
    for name, most, fits in wanted:
        means = [mean(one.ours for one in found) for scenario, found in rows.items() if fits(scenario)]
        targets.append(Target(f"{name}, worst scenario", max(means), most=most))
    behind = max(one.ours / min(one.peers.values()) for found in rows.values() for one in found)
    targets.append(Target("ours / best peer, worst of all seeds", behind, most=BEHIND))
    return targets


def _free(scenario: Scenario) -> bool:
    return not scenario.dependent and scenario.chains is None
