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
from bench.selection.forgetting import FLAKES, FORGOTTEN, LANDINGS, flags, searches, tagged
from bench.selection.mutants import KINDS
from bench.selection.projects import HELD_OUT, PROJECTS, interpreter

if TYPE_CHECKING:
    from bench.selection.catching import Base
    from bench.selection.projects import Project

RELEASES = 5
"""So old is the oldest map with which it is tried."""

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
    _tell(report, {name: one for name, (_, one) in outcomes.items()})
    _stale(report, {name: one for name, (_, one) in outcomes.items()})
    _forgotten(report, outcomes, options.seed)
    return report


def _project(project: Project, wanted: dict[str, int], seed: int, seconds: float) -> tuple[Base, Outcome]:
    long = seconds >= LONG
    fresh = base(project, project.versions[-1], 3 if long else 1, RELEASES if long else 1)
    return fresh, catching(fresh, wanted, seed, seconds)


def _stale(report: Report, outcomes: dict[str, Outcome]) -> None:
    """By age of the map: what is caught of the failing faults, and at what share of test time."""
    found: dict[str, object] = {}
    rows: list[list[object]] = []
    for age in range(RELEASES + 1):
        for name, one in outcomes.items():
            if age in one.stale:
                rows.append([f"{age} releases", name, *one.stale[age].row()])
        whole = sum_of([one.stale[age] for one in outcomes.values() if age in one.stale])
        rows.append([f"{age} releases", "all", *whole.row()])
        found[f"{age} releases"] = _figures(whole)
    print("maps of older releases, failing faults alone:\n")
    table(["map's age", "project", "faults", "caught %", "failing tests caught %", "test time %"], _texts(rows))
    report.ours["stale maps"] = found
    print()


def _forgotten(report: Report, outcomes: dict[str, tuple[Base, Outcome]], seed: int) -> None:
    """Tags forgotten, told, and the search for the landing afterwards."""
    told: list[list[object]] = []
    found: list[list[object]] = []
    for name, (one, outcome) in outcomes.items():
        if not outcome.faults:
            continue
        seen = flags(tagged(one.tests), outcome.faults, seed)
        told.append([name, *seen.row()])
        for flake in FLAKES if seen.escapes else ():
            ways = searches(seen, outcome.faults, one.entries, flake, seed)
            found += [[name, f"{100 * flake:g} %", way, *ways[way].row()] for way in ways]
    print(f"tags of failing tests, each forgotten with probability {FORGOTTEN}:\n")
    table(["project", "changes", "forgotten", "told %", "false ones a change"], _texts(told))
    print(f"\nescapes of them, looked for among {LANDINGS} landings:\n")
    table(
        ["project", "flake rate", "way", "first guess %", "named %", "wrongly named %", "runs", "rounds"], _texts(found)
    )
    report.ours["forgotten tags"] = {str(row[0]): dict(zip(("told %", "false"), row[3:], strict=True)) for row in told}
    report.ours["culprits"] = {" ".join(str(one) for one in row[:3]): row[3:] for row in found}
    print()


def _texts(rows: list[list[object]]) -> list[list[object]]:
    return [[str(cell) for cell in row] for row in rows]


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
    table(head, _texts(rows))
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
    report.ours["projects"] = {
        name: _figures(sum_of([score for (way, _), score in one.scores.items() if way == WAYS[0]]))
        | {"held out": name in {other.name for other in HELD_OUT}}
        for name, one in outcomes.items()
    }
    report.targets += [
        Target("failing changes caught with a fresh map, %", caught, least=99.5),
        *(
            Target(f"share of test time on {name}, %", one.share, most=15)
            for name, one in outcomes.items()
            if one.scores
        ),
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
