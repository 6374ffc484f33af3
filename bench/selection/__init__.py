# SPDX-License-Identifier: GPL-2.0-only
"""How well, and how fast, tests are selected.

`timing` measures the selection itself; `catching` puts faults into public projects and looks what would have been run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bench.report import Options, Report, Target, table
from bench.selection import timing
from bench.selection.catching import WAYS, Outcome, Score, base, catching
from bench.selection.mutants import KINDS
from bench.selection.projects import PROJECTS, interpreter

if TYPE_CHECKING:
    from bench.selection.projects import Project

QUICK = {"function": 3, "module": 2, "decorator": 1, "default": 1, "data": 1, "fixture": 1}
LONG = 120
"""Seconds for a project from which on recording is measured several times."""

FULL = {"function": 60, "module": 30, "decorator": 15, "default": 20, "data": 6, "fixture": 10}


def run(options: Options) -> Report:
    """All of it; ``CD_BENCH_PROJECTS`` (names) and ``CD_BENCH_SECONDS`` (for each project) make it smaller."""
    report = Report("selection", options.seed)
    timing.measure(report)
    names = (os.environ.get("CD_BENCH_PROJECTS") or ",".join(one.name for one in PROJECTS)).split(",")
    seconds = float(os.environ.get("CD_BENCH_SECONDS") or (60 if options.quick else 1800))
    print(f"faults in public projects, run by {interpreter()}:\n")
    outcomes = {
        one.name: _project(one, QUICK if options.quick else FULL, options.seed, seconds)
        for one in PROJECTS
        if one.name in names
    }
    _tell(report, outcomes)
    return report


def _project(project: Project, wanted: dict[str, int], seed: int, seconds: float) -> Outcome:
    fresh = base(project, project.versions[-1], 1 if seconds < LONG else 3)
    return catching(fresh, wanted, seed, seconds)


def _tell(report: Report, outcomes: dict[str, Outcome]) -> None:
    head = ["project", "kind", "way", "failing faults", "caught %", "failing tests caught %", "test time %"]
    rows: list[list[object]] = []
    totals: dict[str, Score] = {way: Score() for way in WAYS}
    for name, outcome in outcomes.items():
        for way in WAYS:
            scores = [score for (one, _), score in outcome.scores.items() if one == way]
            rows.append([name, "all", way, *sum_of(scores).row()])
            totals[way] = totals[way].plus(sum_of(scores))
    for kind in KINDS:
        for way in WAYS:
            scores = [one.scores[way, kind] for one in outcomes.values() if (way, kind) in one.scores]
            if scores:
                rows.append(["all", kind, way, *sum_of(scores).row()])
    rows += [["all", "all", way, *totals[way].row()] for way in WAYS]
    table(head, [[str(cell) for cell in row] for row in rows])
    _remarks(report, outcomes, totals)


def _remarks(report: Report, outcomes: dict[str, Outcome], totals: dict[str, Score]) -> None:
    overheads = {}
    print()
    for name, one in outcomes.items():
        overheads[name] = 100 * (one.cpu[1] / one.cpu[0] - 1)
        print(
            f"{name}: {one.tests} tests; recording costs {overheads[name]:.1f} % of processor time ({one.cpu[0]:.2f} s "
            f"without) and {one.bytes_each:.0f} bytes a test; {one.at_collection} faults broke the collection, which "
            f"every run sees, {one.skipped} hung or had no time, {one.flaky} had tests that fail now and then"
        )
    for way in WAYS:
        for missed in totals[way].missed[:20]:
            print(f"missed by {way}: {missed}")
    ours = totals["function map"]
    report.ours |= _figures(ours) | {"overhead %": {name: round(one, 1) for name, one in overheads.items()}}
    report.peers |= {way: _figures(totals[way]) for way in WAYS[1:]}
    caught = 100 * ours.caught / ours.failing if ours.failing else 0.0
    report.targets += [
        Target("failing changes caught with a fresh map, %", caught, least=99.5),
        Target("share of test time, %", 100 * sum(ours.shares) / max(len(ours.shares), 1), most=15),
        *(Target(f"recording {name}, % of processor time", one, most=15) for name, one in overheads.items()),
    ]
    print()


def _figures(score: Score) -> dict[str, object]:
    names = ("failing faults", "caught %", "failing tests caught %", "test time %")
    return dict(zip(names, score.row(), strict=True))


def sum_of(scores: list[Score]) -> Score:
    """All of them together."""
    total = Score()
    for one in scores:
        total = total.plus(one)
    return total
