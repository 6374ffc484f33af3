# SPDX-License-Identifier: GPL-2.0-only
"""What collecting and running need of pytest: one process, marks that anybody may use, and what cannot be collected.

This file is sent to a worker under this name, and lies beside the programs that use it. Python 3.8 or later.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from buildbot_cd.worker.tests import cd_names as text_of
    from buildbot_cd.worker.tests.cd_names import Names
else:
    import cd_names as text_of

F = TypeVar("F", bound="Callable[..., Any]")
NO_PYTEST = ""
try:
    import pytest as pytest  # noqa: PLC0414 - the programs beside this file take it from here
except ImportError as problem:  # told as an event: there is nobody else to read it
    NO_PYTEST = f"{sys.executable} cannot import pytest: {problem}; name the project's own interpreter"

TEXT = 4000  # characters of a failure that are kept, its end
MARKERS = (
    "tags(name, ...): what the test is about; changes choose tests by these names",
    "requires(test, ...): ids of tests, or globs of test files, that must have passed before",
    "xdist_group(name): run on one worker with the other tests of this group",
)


def around(hook: F) -> F:
    """A hook that wraps the other plugins' ones."""
    return hook if NO_PYTEST else pytest.hookimpl(hookwrapper=True)(hook)


def instead(hook: F) -> F:
    """A hook that is asked before the other plugins' ones."""
    return hook if NO_PYTEST else pytest.hookimpl(tryfirst=True)(hook)


class Plugin:
    """What both verbs need of pytest."""

    def __init__(self, out: Any, names: Names) -> None:
        self.out, self.names = out, names
        self.errors: dict[str | None, str] = {}  # nid of a file or folder -> why it could not be collected
        self.skips: dict[str, str] = {}  # path of a file -> why it skips itself as a whole
        self.collected = False
        self.count = 0

    def error(self, path: str | None, text: str) -> None:
        """Tell about what cannot be collected; of one file only the first."""
        nid = None if path is None else "pytest:" + path
        if nid is None or nid not in self.errors:
            self.errors[nid] = text_of.clean(text)[-TEXT:]
            self.out.event("error", nid=nid, path=path, text=self.errors[nid])

    def pytest_configure(self, config: Any) -> None:
        """Let the marks be used by projects that do not register them, also with --strict-markers."""
        for marker in MARKERS:
            config.addinivalue_line("markers", marker)

    @around
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        """The first conftest.py files: pytest ends at once if one of them cannot be imported."""
        outcome: Any = yield
        if outcome.excinfo is not None:
            self.broken_off(outcome.excinfo[1], f"{outcome.excinfo[0].__name__}: {outcome.excinfo[1]}")

    def pytest_internalerror(self, excrepr: Any, excinfo: Any) -> None:
        """Raised by a conftest.py below the first ones, or by a plugin."""
        self.broken_off(excinfo.value, str(excrepr))

    def broken_off(self, error: Any, text: str) -> None:
        """Name the conftest.py that could not be imported; without one it is nobody's file."""
        ours = type(error).__name__ == "ConftestImportFailure"  # private to pytest, as is its place
        self.error(self.names.path(error.path) if ours else None, text)

    @around
    def pytest_cmdline_main(self, config: Any) -> Iterator[None]:
        """One process, and every test gets its turn, whatever the project's own settings say."""
        for name, value in (("numprocesses", None), ("dist", "no"), ("tx", []), ("maxfail", 0)):
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.option.continue_on_collection_errors = True
        yield

    @around
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        """A file or folder was looked into."""
        outcome: Any = yield
        report = None if outcome.excinfo else outcome.get_result()
        if report is None or report.passed:
            return
        path = self.names.path(getattr(collector, "path", None) or collector.fspath)
        if report.failed:
            self.error(path, str(report.longreprtext))
        elif path is not None:
            self.skips[path] = judged([report])[1]

    def pytest_collection_finish(self) -> None:
        """From now on, what was not found is not there."""
        self.collected = True

    def finish(self, code: int) -> None:
        """The last words."""
        self.out.event("end", exit=int(code), count=self.count)


def judged(reports: list[Any]) -> tuple[str, str]:
    """(outcome, text) of a test from the reports of its phases, of its last attempt if a plugin ran it again."""
    again = [number for number, report in enumerate(reports) if report.outcome == "rerun"]
    reports = reports[again[-1] + 1 :] if again else reports
    bad = [report for report in reports if report.failed]
    if bad:
        outcome = "failed" if any(report.when == "call" for report in bad) else "error"
        told = [(*(f"{title}\n{text}" for title, text in one.sections), str(one.longreprtext)) for one in bad]
        return outcome, "\n".join(text for texts in told for text in texts)  # what was printed, then the traceback
    for report in reports:
        if report.skipped and not hasattr(report, "context"):  # a subtest's does not stand for the test's
            if hasattr(report, "wasxfail"):
                return "xfailed", str(report.wasxfail)
            reason = report.longrepr
            return "skipped", str(reason[2] if isinstance(reason, tuple) else reason)
    return "passed", ""
