# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd select``: what would run for the change in this checkout, why, and for how long; without a master."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.cli.knowledge import Knowledge
from buildbot_cd.cli.sandbox import Sandbox, options
from buildbot_cd.config.selecting import path_rules, test_rules
from buildbot_cd.config.units import parse_duration
from buildbot_cd.core.dispatch import Estimate, Work, expected, lower_bound
from buildbot_cd.core.selection import Mode, requirements, select, with_rules
from buildbot_cd.core.selection.budget import chances, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.selection import Selection, Test

HELP = "what would run for the change in this checkout, why, and for how long (exit 1: a tag must be declared first)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)
    parser.add_argument("--base", help="the revision before the change (where the branch left its upstream, else HEAD)")
    parser.add_argument("--tags", default="", help="tags as with buildbot try --property=tags=...: a,b")
    parser.add_argument("--workers", type=int, default=1, help="for the time that it takes (%(default)s)")
    parser.add_argument("--durations", type=Path, help="JSON of test ids and seconds (.test_durations, if it is there)")
    parser.add_argument("--budget", type=_seconds, help="only what finds most in this time: 4m, 90s")
    parser.add_argument("--db", metavar="URL", help="a master's db_url: use its function map, history and durations")
    parser.add_argument("--map-gate", default="trunk", metavar="GATE", help="with --db: which gate's (%(default)s)")
    parser.add_argument("--why", action="store_true", help="also each test that does not run, with the reason")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(given: argparse.Namespace) -> int:
    """0; 1 if the map says that missing tags block."""
    sandbox = Sandbox.of(given)
    repository = sandbox.repository()
    tests = with_rules(sandbox.collect(repository), test_rules(repository))
    mode = Mode(repository.missing_tags)
    change, workers = sandbox.change(given.base, given.tags), max(given.workers, 1)
    known = Knowledge.of(given.db, given.map_gate)
    near = known.near(sandbox.units(change, known.map) if repository.tests.runner == "pytest" else None, change, tests)
    selection = select(tests, path_rules(repository), change, tuple(repository.tags), mode, near)
    seconds = {**known.seconds, **sandbox.durations(given.durations)}
    if given.budget is not None:
        chance = chances(selection, near)
        selection = within(selection, chance, seconds, requirements(tests), given.budget, workers)
    time = _time(selection, tests, seconds, workers)
    curve = [one._asdict() for one in known.curve]
    if given.json:
        print(json.dumps({**selection.to_json(), "time": time, "map": known.age, "confidence": curve}, indent=1))
    else:
        print(selection.text() if given.why else selection.text().partition("\nleft out (")[0])
        print(_told(time))
        if given.db:
            print("\n".join(known.lines()))
    return 1 if mode is Mode.BLOCK and selection.missing_tags else 0


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _time(
    selection: Selection, tests: Sequence[Test], seconds: Mapping[str, float], workers: int
) -> dict[str, float | int | str | None]:
    """How long it takes at least, if anything is known of durations."""
    chosen = {one.nid for one in selection.chosen}
    known = {nid: Estimate(math.log(max(one, 0.001) * 1000), 0.0, 1) for nid, one in seconds.items()}
    if not known.keys() & chosen:
        return {"workers": workers, "seconds": None, "work": None, "advice": None}
    needs = requirements(tests)
    works = [Work(one.nid, one.path, needs.get(one.nid, ()), one.group) for one in tests if one.nid in chosen]
    took = expected(works, known)
    bound = lower_bound(works, took, [1.0] * workers)
    return {
        "workers": workers,
        "seconds": round(bound.seconds, 1),
        "work": round(sum(took.values()), 1),
        "advice": bound.advice,
    }


def _told(time: Mapping[str, object]) -> str:
    if time["seconds"] is None:
        return "how long they take is not known: give --durations, as pytest-split's --store-durations writes it"
    return f"{time['work']} s of tests, {time['seconds']} s at least on {time['workers']} workers: {time['advice']}"
