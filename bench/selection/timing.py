# SPDX-License-Identifier: GPL-2.0-only
"""How long a selection takes: 40,000 tests, 2,000 rules, 100 changed files, with requirements and rules by file.

Processor time, since others may be on the machine; the path rules and tests are built before, as a plan has them when
it has read them.
"""

from __future__ import annotations

import gc
import random
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.report import Report, Target, table
from buildbot_cd.core.selection import (
    Change,
    Entry,
    FunctionMap,
    PathRule,
    Test,
    TestRule,
    Unit,
    UnitChange,
    reached,
    select,
    with_rules,
)
from buildbot_cd.core.selection.function_map import key

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS, RULES, FILES, AREAS = 40_000, 2_000, 100, 200
UNITS, EACH = 20_000, 100
ROUNDS = 9
KINDS = ("src/area_{n}/**", "src/area_{n}/mod_{n}.py", "**/area_{n}_*.sql", "lib/*/thing_{n}.c")


def suite() -> list[Test]:
    """Tests of 200 areas, ten a file; every seventh requires its neighbour."""
    made = []
    for number in range(TESTS):
        path = f"tests/area_{number // AREAS}/test_{number // 10}.py"
        tags = {f"tag{number // AREAS}"} | ({f"x{number % 50}"} if number % 3 == 0 else set())
        needs = (f"{path}::test_{number - 1}",) if number % 10 and number % 7 == 0 else ()
        made.append(Test(f"pytest:{path}::test_{number}", path, frozenset(tags), needs))
    return made


def rules() -> list[PathRule]:
    """Rules of four kinds."""
    return [PathRule((KINDS[n % len(KINDS)].format(n=n),), (f"tag{n % AREAS}",)) for n in range(RULES)]


def change(seed: int) -> Change:
    """A large change that declares two tags."""
    rng = random.Random(seed)
    files = [f"src/area_{rng.randrange(RULES)}/mod_{rng.randrange(50)}.py" for _ in range(FILES - 40)]
    files += [f"db/x/area_{rng.randrange(RULES)}_up.sql" for _ in range(20)]
    files += [f"tests/area_{n}/test_{n * 20}.py" for n in range(20)]
    return Change(tuple(files), ("A large change\n\nTags: tag3, tag5",))


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1000 * min(times)


def measure(report: Report) -> None:
    """Measure both halves."""
    tests, path_rules, large = suite(), rules(), change(report.seed)
    by_file = [TestRule(f"tests/area_{number}/**", (f"r{number}",)) for number in range(AREAS)]
    entries, units = entries_of(tests, report.seed)
    turned = _milliseconds(partial(FunctionMap, entries))
    known = FunctionMap(entries)
    del entries  # a master keeps the map alone, too
    near = reached(units, known, tests)
    figures = {
        "select ms": _milliseconds(lambda: select(tests, path_rules, large)),
        "select with the function map ms": _milliseconds(
            lambda: select(tests, path_rules, large, reached=reached(units, known, tests))
        ),
        "rules of 200 globs on all tests ms": _milliseconds(lambda: with_rules(tests, by_file)),
        "turn the map around, once for each version of it ms": turned,
    }
    chosen = len(select(tests, path_rules, large).chosen)
    print(
        f"{TESTS} tests, {RULES} rules, {FILES} changed files; {chosen} tests chosen, the map reaches "
        f"{len(near.tests)}; best of {ROUNDS}:\n"
    )
    table(["part", "ms"], [[name, round(value, 1)] for name, value in figures.items()])
    print()
    report.ours |= {name: round(value, 1) for name, value in figures.items()} | {"chosen": chosen}
    for name in ("select ms", "select with the function map ms"):
        report.targets.append(Target(f"{name.removesuffix(' ms')}, ms of processor time", figures[name], most=100))


def entries_of(tests: list[Test], seed: int) -> tuple[dict[str, Entry], UnitChange]:
    """A map of a hundred units a test, and a change of a hundred functions."""
    rng = random.Random(seed)
    names = [f"area_{number % RULES}.py::f{number}" for number in range(UNITS)]
    keys = np.array([key(*name.split("::")) for name in names], dtype="<u4")
    chooser = np.random.default_rng(seed)
    entries = {test.nid: Entry(np.unique(chooser.choice(keys, EACH)).tobytes(), 0.0) for test in tests}
    split = [name.partition("::") for name in rng.sample(names, FILES)]
    touched = [Unit(path, name, f"{path}::{name} changed") for path, _, name in split]
    return entries, UnitChange(touched, {one.path for one in touched}, whole=True)
