# SPDX-License-Identifier: GPL-2.0-only
"""The plugin that runs those tests that are wanted, and has an answer for each of them.

This file is sent to a worker under this name, and lies beside the programs that use it. Python 3.8 or later.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from buildbot_cd.worker.tests import cd_names as text_of
    from buildbot_cd.worker.tests import cd_plugin as base
    from buildbot_cd.worker.tests.cd_names import Names
else:
    import cd_names as text_of
    import cd_plugin as base

DONE = (0, 1, 5)  # pytest's exits after which every test had its turn: all passed, some failed, none collected


class Run(base.Plugin):
    """Runs those tests that are wanted."""

    def __init__(self, out: Any, names: Names, wanted: list[str]) -> None:
        super().__init__(out, names)
        self.wanted = dict.fromkeys(wanted)
        self.files = {nid.partition(":")[2].partition("::")[0] for nid in self.wanted}
        self.folders = {".", *(folder for file in self.files for folder in text_of.above(file))}
        self.results: set[str] = set()
        self.of_item: dict[Any, str] = {}
        self.reports: list[Any] = []
        self.turn: str | None = None  # the test that started last
        # The hook goes by the names of its arguments, which are others since pytest 7.
        new = lambda collection_path: self.ignored(collection_path)  # noqa: E731, PLW0108
        old = lambda path: self.ignored(path)  # noqa: E731, PLW0108
        self.pytest_ignore_collect: Any = new if hasattr(base.pytest, "version_tuple") else old

    def ignored(self, path: Any) -> bool | None:
        """Everything but wanted files, the folders above and what is below; a package's __init__.py makes it one."""
        name = self.names.path(path)
        if name is None or name in self.files or name in self.folders or os.path.basename(name) == "__init__.py":
            return None
        return None if self.files.intersection(text_of.above(name)) else True

    @base.around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """Keep the wanted ones, in pytest's order: it saves setting up what tests of one file share."""
        yield
        kept: list[Any] = []
        dropped: list[Any] = []
        for item in items:
            nid, path = self.names.item(item)
            try:
                text_of.described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
            self.of_item[item] = nid
            (kept if nid in self.wanted else dropped).append(item)
        if dropped:
            dropped[0].config.hook.pytest_deselected(items=dropped)
        items[:] = kept

    @base.around
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """One test, with all its phases and attempts. Without a teardown pytest was stopped in the middle of it.

        It is charged its whole turn: of a short test, pytest's own work around the phases is the larger part.
        """
        self.reports = []
        self.turn = nid = self.of_item[item]
        self.out.event("start", nid=nid)
        began = perf_counter()
        yield
        if any(report.when == "teardown" for report in self.reports):
            outcome, text = base.judged(self.reports)
            self.result(nid, outcome, perf_counter() - began, text)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of the test, or one subtest."""
        self.reports.append(report)

    def result(self, nid: str, outcome: str, seconds: float, text: str) -> None:
        """One test's result."""
        self.results.add(nid)
        self.count = len(self.results)
        self.out.event(
            "result", nid=nid, outcome=outcome, seconds=round(seconds, 6), text=text_of.clean(text)[-base.TEXT :]
        )

    def finish(self, code: int) -> None:
        """Tell about what was asked for and had no turn."""
        for nid in [one for one in self.wanted if one not in self.results]:
            self.without_turn(nid, code)
        super().finish(code)

    def without_turn(self, nid: str, code: int) -> None:
        """A file as a whole, or a test that is not there, cannot be collected or was left out by pytest."""
        path, _, inner = nid.partition(":")[2].partition("::")
        present = self.of_item.values()
        here = os.path.exists(os.path.join(self.names.top, path))
        cause = self.cause(path)
        if here and cause is not None:
            self.result(nid, "error", 0.0, cause)
        elif here and path in self.skips:
            self.result(nid, "skipped", 0.0, self.skips[path])
        elif here and not inner and self.collected:
            self.result(nid, "passed", 0.0, "")
        elif not here or (inner and (code in DONE or (self.collected and nid not in present))):
            self.out.event("missing", nid=nid)
        else:
            when = "in the middle of it" if nid == self.turn else "before its turn"
            self.out.event("lost", nid=nid, text=f"pytest stopped {when} and ended with {code}")

    def cause(self, path: str) -> str | None:
        """Why this file could not be collected: by itself, or by a folder or conftest.py above."""
        conftests = [folder + "/conftest.py" for folder in text_of.above(path)]
        places = ["pytest:" + name for name in (path, *text_of.above(path), *conftests, ".", "conftest.py")]
        return next((self.errors[place] for place in places if place in self.errors), None)


def recording(options: argparse.Namespace, worker: Any) -> list[Any]:
    """The plugin that tells what each test ran, if that is wanted and not dear."""
    if options.ran is None or not (options.traced or hasattr(sys, "monitoring")):
        return []
    spec: Any = importlib.util.spec_from_file_location("cd_ran", options.ran)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.Ran(worker.names, worker.out.event, worker.of_item.get)]
