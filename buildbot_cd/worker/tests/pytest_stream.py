# SPDX-License-Identifier: GPL-2.0-only
"""Collect or run pytest tests and tell about each in a line of JSON, as it happens.

    python cd_pytest.py collect --out FILE -- [arguments for pytest]
    python cd_pytest.py run --out FILE --tests LISTFILE -- [the same arguments]

This file is sent to a worker, alone, and run by the tested project's own Python (3.8 or later) with its pytest (6 or
later), from the top of the checkout. It needs nothing else, and changes nothing in the project. ``-`` stands for stdout
and stdin. What tests print goes to stderr, so that nothing gets between the lines. The process ends with 0 if the work
was done, whatever its results were. docs/explanation/dispatch.md tells the events and what their absence means.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")
NO_PYTEST = ""
try:
    import pytest
except ImportError as problem:  # told as an event: there is nobody else to read it
    NO_PYTEST = f"{sys.executable} cannot import pytest: {problem}; name the project's own interpreter"

TEXT = 4000  # characters of a failure that are kept, its end
WIDTH = 3000  # characters of JSON on one line of stdout
DONE = (0, 1, 5)  # pytest's exits after which every test had its turn: all passed, some failed, none collected
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


def clean(text: str) -> str:
    """Text that UTF-8 and every database can hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def named(text: str) -> str:
    """A name composed as NFC and on one line, as lists of names have it: control characters are escaped."""
    text = "".join(f"\\x{ord(one):02x}" if ord(one) < 32 or ord(one) == 127 else one for one in text)
    return unicodedata.normalize("NFC", clean(text))


class Out:
    """Where the events go."""

    def __init__(self, name: str) -> None:
        self.pid = os.getpid()
        self.cut = name == "-"
        if self.cut:
            self.fd = os.dup(1)
            os.dup2(2, 1)
        else:
            self.fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event at once. A child that a test forked off and forgot must not speak here."""
        if os.getpid() != self.pid:
            return
        text = json.dumps(dict({"event": kind}, **fields), ensure_ascii=True, separators=(",", ":"))
        pieces = [text]
        if self.cut and len(text) > WIDTH:
            pieces = ["+" + text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
            pieces[-1] = ">" + pieces[-1][1:]
        data = "".join(piece + "\n" for piece in pieces).encode("ascii")
        while data:
            data = data[os.write(self.fd, data) :]


class Names:
    """Ids of tests and files, the same wherever pytest thinks that its root is."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.count: dict[str, int] = {}

    def path(self, path: Any) -> str | None:
        """Relative to the top of the checkout, with slashes, composed as NFC; None for what lies outside."""
        for root, one in ((self.top, str(path)), (os.path.realpath(self.top), os.path.realpath(str(path)))):
            relative = os.path.relpath(one, root).replace(os.sep, "/")
            if relative != ".." and not relative.startswith("../"):
                return named(relative)
        return None

    def item(self, item: Any) -> tuple[str, str]:
        """(nid, path) of a test; the second one of the same name gets ``#2``."""
        file, _, inner = item.nodeid.partition("::")
        path = self.path(getattr(item, "path", None) or item.fspath) or named(file)
        nid = named(f"pytest:{path}::{inner or item.name}")
        self.count[nid] = self.count.get(nid, 0) + 1
        return (nid if self.count[nid] == 1 else f"{nid}#{self.count[nid]}"), path


def words(item: Any, mark: str) -> list[str]:
    """The names in all marks of this kind on a test; raises ValueError for what is none."""
    found: list[str] = []
    for one in item.iter_markers(mark):
        for value in one.args:
            for name in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
                if not isinstance(name, str) or not name.strip():
                    raise ValueError(f"{item.nodeid}: @pytest.mark.{mark} takes names, not {name!r}")
                found.append(named(name.strip()))
        if one.kwargs:
            raise ValueError(f"{item.nodeid}: @pytest.mark.{mark} takes names, no {next(iter(one.kwargs))}=")
    return list(dict.fromkeys(found))


def required(name: str, path: str) -> str:
    """A requirement as a file writes it: a bare name is a test of this file; what has no ``::`` is a glob of files."""
    if name.isidentifier() or name.startswith("::"):
        return f"pytest:{path}::{name.lstrip(':')}"
    return "pytest:" + name if "::" in name and not name.startswith("pytest:") else name


def described(item: Any, nid: str, path: str) -> dict[str, Any]:
    """The fields of a test event; raises ValueError where a mark makes no sense."""
    mark = item.get_closest_marker("xdist_group")
    name = None if mark is None else [*mark.args, mark.kwargs.get("name")][0]
    if mark is not None and not isinstance(name, str):
        raise ValueError(f"{item.nodeid}: @pytest.mark.xdist_group takes a name, not {name!r}")
    return {
        "nid": nid,
        "path": path,
        "line": None if item.location[1] is None else item.location[1] + 1,
        "tags": words(item, "tags"),
        "requires": [required(one, path) for one in words(item, "requires")],
        "group": None if name is None else named(name),
    }


class Plugin:
    """What both verbs need of pytest."""

    def __init__(self, out: Out, names: Names) -> None:
        self.out, self.names = out, names
        self.errors: dict[str | None, str] = {}  # nid of a file or folder -> why it could not be collected
        self.skips: dict[str, str] = {}  # path of a file -> why it skips itself as a whole
        self.collected = False
        self.count = 0

    def error(self, path: str | None, text: str) -> None:
        """Tell about what cannot be collected; of one file only the first."""
        nid = None if path is None else "pytest:" + path
        if nid is None or nid not in self.errors:
            self.errors[nid] = clean(text)[-TEXT:]
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


class Collect(Plugin):
    """Tells about the tests that there are, and runs none."""

    @around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """All tests were found, and all plugins of the project had their say."""
        yield
        for item in items:
            nid, path = self.names.item(item)
            try:
                fields = described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
                continue
            self.count += 1
            self.out.event("test", **fields)

    @instead
    def pytest_runtestloop(self) -> bool:
        """There is nothing to run."""
        return True


class Run(Plugin):
    """Runs those tests that are wanted."""

    def __init__(self, out: Out, names: Names, wanted: list[str]) -> None:
        super().__init__(out, names)
        self.wanted = dict.fromkeys(wanted)
        self.files = {nid.partition(":")[2].partition("::")[0] for nid in self.wanted}
        self.folders = {".", *(folder for file in self.files for folder in above(file))}
        self.results: set[str] = set()
        self.of_item: dict[Any, str] = {}
        self.reports: list[Any] = []
        self.turn: str | None = None  # the test that started last
        # The hook goes by the names of its arguments, which are others since pytest 7.
        new = lambda collection_path: self.ignored(collection_path)  # noqa: E731, PLW0108
        old = lambda path: self.ignored(path)  # noqa: E731, PLW0108
        self.pytest_ignore_collect: Any = new if hasattr(pytest, "version_tuple") else old

    def ignored(self, path: Any) -> bool | None:
        """Everything but wanted files, the folders above and what is below; a package's __init__.py makes it one."""
        name = self.names.path(path)
        if name is None or name in self.files or name in self.folders or os.path.basename(name) == "__init__.py":
            return None
        return None if self.files.intersection(above(name)) else True

    @around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """Keep the wanted ones, in pytest's order: it saves setting up what tests of one file share."""
        yield
        kept: list[Any] = []
        dropped: list[Any] = []
        for item in items:
            nid, path = self.names.item(item)
            try:
                described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
            self.of_item[item] = nid
            (kept if nid in self.wanted else dropped).append(item)
        if dropped:
            dropped[0].config.hook.pytest_deselected(items=dropped)
        items[:] = kept

    @around
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """One test, with all its phases and attempts. Without a teardown pytest was stopped in the middle of it."""
        self.reports = []
        self.turn = nid = self.of_item[item]
        self.out.event("start", nid=nid)
        yield
        if any(report.when == "teardown" for report in self.reports):
            outcome, text = judged(self.reports)
            seconds = sum(one.duration for one in self.reports if not hasattr(one, "context"))  # a subtest's is in it
            self.result(nid, outcome, seconds, text)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """One phase of the test, or one subtest."""
        self.reports.append(report)

    def result(self, nid: str, outcome: str, seconds: float, text: str) -> None:
        """One test's result."""
        self.results.add(nid)
        self.count = len(self.results)
        self.out.event("result", nid=nid, outcome=outcome, seconds=round(seconds, 6), text=clean(text)[-TEXT:])

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
        conftests = [folder + "/conftest.py" for folder in above(path)]
        places = ["pytest:" + name for name in (path, *above(path), *conftests, ".", "conftest.py")]
        return next((self.errors[place] for place in places if place in self.errors), None)


def above(path: str) -> list[str]:
    """The folders that a path lies in, without the top."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


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


def arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command line; what follows ``--`` is pytest's."""
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="cd_pytest.py", description="Collect or run tests; see the top of this file.")
    parser.add_argument("verb", choices=("collect", "run"))
    parser.add_argument("--out", default="-", help="file for the events; - is stdout")
    parser.add_argument("--tests", help="file with one nid a line; - is stdin; for run")
    parser.add_argument("--ran", help="where pytest_ran.py lies, to tell what each test ran; for run")
    parser.add_argument("--traced", action="store_true", help="do so also by coverage.py, below Python 3.12")
    options = parser.parse_args(argv[:at])
    if (options.verb == "run") != (options.tests is not None):
        parser.error("run needs --tests, collect takes none")
    return options, argv[at + 1 :]


def listed(name: str) -> list[str]:
    """The nids in the list, composed as ours are."""
    with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
        lines = file.read().decode("utf-8").split("\n")
    return [unicodedata.normalize("NFC", line.rstrip("\r")) for line in lines if line.strip()]


def recording(options: argparse.Namespace, worker: Any) -> list[Any]:
    """The plugin that tells what each test ran, if that is wanted and not dear."""
    if options.ran is None or not (options.traced or hasattr(sys, "monitoring")):
        return []
    spec: Any = importlib.util.spec_from_file_location("cd_ran", options.ran)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.Ran(worker.names, worker.out.event, worker.of_item.get)]


def main(argv: list[str]) -> int:
    """The program."""
    options, rest = arguments(argv)
    wanted = listed(options.tests) if options.tests else []
    out = Out(options.out)
    if NO_PYTEST:
        out.event("error", nid=None, path=None, text=NO_PYTEST)
        out.event("end", exit=4, count=0)
        return 4
    names = Names(os.getcwd())
    sys.path[0] = names.top  # as python -m pytest has it; not the folder of this file
    sys.argv[:] = ["pytest", *rest]
    worker = Collect(out, names) if options.verb == "collect" else Run(out, names, wanted)
    code = int(pytest.main(rest, plugins=[worker, *recording(options, worker)]))
    worker.finish(code)
    return 0 if code in DONE else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
