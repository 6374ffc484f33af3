# SPDX-License-Identifier: GPL-2.0-only
"""What each test ran: functions, and files that it opened; for the function map.

This file is sent to a worker beside `pytest_stream.py` and used by it in the tested project's own Python (3.8 or
later); nothing is installed there. From Python 3.12 on ``sys.monitoring`` tells when a function begins, once for each
test; below that coverage.py does, with its C tracer, if the project has it. Without either, nothing is recorded.

A unit is a function of the checkout by path and qualified name; what is defined inside of a function belongs to it. A
file is a unit named ``<file>``, a module's own code ``<module>``. Units are told as `key` numbers, which the other side
reckons from the changed units; two units of one number only ever add tests. What runs while a file is collected is told
under the file's own nid; what a fixture of a wider scope runs counts for every test that uses it.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import os
import struct
import sys
import tempfile
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

import pytest

FILE, MODULE, BLIND = "<file>", "<module>", "<blind>"
SKIPPED = (".pyc", ".pyo", ".py", ".so")  # opened by imports and tracebacks
HIDDEN = (".git/", ".pytest_cache/", ".hypothesis/", ".tox/", ".venv/")
SPAWNS = ("multiprocessing/popen_spawn_posix.py", "multiprocessing/popen_forkserver.py")


def key(path: str, name: str) -> int:
    """The number of a unit."""
    return zlib.crc32((path + "\0" + name).encode("utf-8", "surrogatepass"))


def packed(keys: Iterable[int]) -> str:
    """Keys in order, four bytes each, as base64."""
    ordered = sorted(set(keys))
    return base64.b64encode(struct.pack("<%dI" % len(ordered), *ordered)).decode("ascii")  # noqa: UP031


def unit(qualname: str) -> str:
    """The unit that a function of this qualified name belongs to."""
    return qualname.partition(".<locals>")[0]


class Files:
    """Paths below the top of the checkout, POSIX and relative."""

    def __init__(self, top: str) -> None:
        self.tops = tuple({os.path.join(one, "") for one in (top, os.path.realpath(top))})
        self.inside = tuple({os.path.join(os.path.realpath(one), "") for one in (sys.prefix, sys.base_prefix)})
        self.known: dict[str, str | None] = {}

    def path(self, name: str) -> str | None:
        """The path of a file of the checkout, None for any other file; an environment below the top is none of it."""
        if name not in self.known:
            self.known[name] = self.found(name)
        return self.known[name]

    def found(self, name: str) -> str | None:
        """Look."""
        if name.startswith("<"):
            return None
        for whole in (os.path.abspath(name), os.path.realpath(name)):
            for top in self.tops:
                if whole.startswith(top):
                    path = whole[len(top) :].replace(os.sep, "/")
                    foreign = whole.startswith(self.inside) or "/site-packages/" in "/" + path
                    return None if foreign or path.startswith(HIDDEN) or not path else path
        return None


class Monitoring:
    """Functions by ``sys.monitoring``: each begins once, then it costs nothing until `again`."""

    starts = ("subprocess.Popen", "os.posix_spawn")

    def __init__(self, files: Files) -> None:
        self.files = files
        self.began: set[tuple[str, str]] = set()
        self.forked: Any = None
        self.read = 0
        self.known: dict[tuple[str, str], tuple[int, ...]] = {}

    def begin(self) -> bool:
        """Start; False if every tool number is taken."""
        api: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = next((one for one in (4, 3, 5, 2) if api.get_tool(one) is None), None)
        if tool is None:
            return False
        add, off, pid, getpid = self.began.add, api.DISABLE, os.getpid(), os.getpid

        def began(code: Any, _offset: int) -> Any:
            one = (code.co_filename, code.co_qualname)
            add(one)
            if self.forked and getpid() != pid:
                self.tell_parent(one)
            return off

        os.register_at_fork(before=self.will_fork)

        api.use_tool_id(tool, "buildbot_cd")
        api.register_callback(tool, api.events.PY_START, began)
        api.set_events(tool, api.events.PY_START)
        return True

    def will_fork(self) -> None:
        """From now on there may be children; what begins in one of them is written to a file that both have."""
        if self.forked is None:
            self.forked = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115 - it lives as long as the process

    def tell_parent(self, one: tuple[str, str]) -> None:
        """In a child: what it began."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self.forked.fileno(), ("\0".join(one) + "\n").encode("utf-8", "surrogatepass"))

    def of_children(self) -> list[tuple[str, str]]:
        """What children began since the last call."""
        if not self.forked:
            return []
        data = os.pread(self.forked.fileno(), os.fstat(self.forked.fileno()).st_size - self.read, self.read)
        self.read += len(data)
        lines = data.decode("utf-8", "surrogatepass").split("\n")
        return [(file, name) for file, _, name in (line.partition("\0") for line in lines) if name]

    def again(self) -> None:
        """Functions that have begun tell it once more."""
        sys.monitoring.restart_events()  # type: ignore[attr-defined,unused-ignore]

    def take(self) -> set[int]:
        """What began since the last call."""
        began = list(self.began)  # other threads may add
        self.began.difference_update(began)
        found: set[int] = set()
        for one in (*began, *self.of_children()):
            keys = self.known.get(one)
            if keys is None:
                path = self.files.path(one[0])
                keys = () if path is None else (key(path, unit(one[1])), key(path, FILE))
                keys = (key("", BLIND),) if one[0].endswith(SPAWNS) else keys
                self.known[one] = keys
            found.update(keys)
        return found


class Traced:
    """Functions by coverage.py's C tracer, from the lines that ran."""

    starts = ("subprocess.Popen", "os.posix_spawn", "os.fork")

    def __init__(self, files: Files) -> None:
        self.files = files
        self.cover: Any = None
        self.lines: dict[str, dict[int, str]] = {}

    def begin(self) -> bool:
        """Start; False if the project has no coverage.py, or one without the C tracer."""
        os.environ["COVERAGE_CORE"] = "ctrace"  # the other cores lose what begins again in another test
        try:
            coverage = importlib.import_module("coverage")
            importlib.import_module("coverage.tracer")
        except ImportError:
            return False
        include = [os.path.join(one, "*") for one in self.files.tops]
        self.cover = coverage.Coverage(data_file=None, config_file=False, include=include, messages=False)
        self.cover.start()
        return True

    def again(self) -> None:
        """Lines always tell."""

    def take(self) -> set[int]:
        """What ran since the last call."""
        data: Any = self.cover.get_data()
        found: set[int] = set()
        for name in data.measured_files():
            path, lines = self.files.path(name), data.lines(name)
            if path is not None and lines:
                names = self.names(name)
                found.update(key(path, names.get(line, MODULE)) for line in lines)
                found.add(key(path, FILE))
        data.erase()
        return found

    def names(self, name: str) -> dict[int, str]:
        """By line of a file the unit that it stands in; lines of no function are left out."""
        if name not in self.lines:
            import ast

            try:
                with open(name, "rb") as file:
                    tree = ast.parse(file.read())
            except (OSError, SyntaxError, ValueError):
                tree = ast.Module(body=[], type_ignores=[])
            self.lines[name] = dict(body_lines(tree, ""))
        return self.lines[name]


def body_lines(node: Any, scope: str) -> Iterator[tuple[int, str]]:
    """(line, unit) of every line in the body of a function that is not inside of another one."""
    import ast

    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first, last = child.body[0].lineno, child.end_lineno or child.lineno
            for line in range(first, last + 1):
                yield line, scope + child.name
        else:
            inner = scope + child.name + "." if isinstance(child, ast.ClassDef) else scope
            yield from body_lines(child, inner)


class Opened:
    """Files of the checkout that are opened for reading, by an audit hook, which stays to the end of the process."""

    def __init__(self, files: Files, starts: tuple[str, ...]) -> None:
        """``starts`` are the audited events after which something runs that is not seen."""
        self.files, self.starts, self.blind = files, starts, key("", BLIND)
        self.ran: set[int] = set()
        sys.addaudithook(self.heard)

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """Every audited event of this process."""
        if event == "open":
            name = args[0]
            if isinstance(name, bytes):
                name = os.fsdecode(name)
            if isinstance(name, str) and not name.endswith(SKIPPED):
                path = self.files.path(name)
                if path is not None:
                    self.ran.add(key(path, FILE))
        elif event in self.starts and (event != "subprocess.Popen" or is_python(args)):
            self.ran.add(self.blind)  # what another process runs is not seen

    def take(self) -> set[int]:
        """What was opened since the last call."""
        ran, self.ran = self.ran, set()
        return ran


def is_python(args: tuple[Any, ...]) -> bool:
    """Whether the program to be started is a Python, or something that we cannot tell."""
    try:
        command = args[1]
        words = command.split() if isinstance(command, str) else [os.fsdecode(one) for one in command]
        return any("py" in os.path.basename(word) for word in [str(args[0] or ""), *words[:3]])
    except (TypeError, IndexError):
        return True


class Ran:
    """A plugin of pytest that tells ``ran`` events: a nid and the units that it ran."""

    def __init__(self, names: Any, tell: Callable[..., None], nid_of: Callable[[Any], str | None]) -> None:
        """``names`` are `pytest_stream.Names`; ``tell`` writes an event; ``nid_of`` gives the nid of an item."""
        self.names, self.tell, self.nid_of = names, tell, nid_of
        files = Files(names.top)
        self.recorder: Any = Monitoring(files) if hasattr(sys, "monitoring") else Traced(files)
        self.works = self.recorder.begin()
        self.opened = Opened(files, self.recorder.starts) if self.works else None
        self.of_fixture: dict[Any, set[int]] = {}
        self.kept: set[int] = set()
        self.used: list[Any] = []
        self.pid = os.getpid()

    def take(self) -> set[int]:
        """What ran since the last call."""
        if self.opened is None:
            return set()
        kept, self.kept = self.kept, set()
        kept.update(self.recorder.take(), self.opened.take())
        return kept

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        """A file or folder is looked into: its module is imported."""
        before = self.take()
        yield
        ran = before | self.take()
        path = self.names.path(getattr(collector, "path", None) or collector.fspath)
        if ran and path is not None:
            self.tell("ran", nid="pytest:" + path, units=packed(ran))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """One test with all its phases."""
        if self.opened is None:
            yield
            return
        self.take()
        self.recorder.again()
        self.used = used(item)
        yield
        ran = self.take()
        for fixture in self.used:
            ran |= self.of_fixture.get(fixture, set())
        nid = self.nid_of(item)
        if nid is not None and os.getpid() == self.pid:
            self.tell("ran", nid=nid, units=packed(ran))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        """Before pytest forgets which fixtures the test asked for."""
        self.used += used(item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """A fixture is set up; one that several tests share is recorded by itself."""
        if self.opened is None or fixturedef.scope == "function":
            yield
            return
        before = self.take()
        self.recorder.again()
        yield
        ran = self.take()
        active = getattr(request, "_fixture_defs", {})
        for name in fixturedef.argnames:  # set up before, perhaps for another test
            ran |= self.of_fixture.get(active.get(name), set())
        self.of_fixture.setdefault(fixturedef, set()).update(ran)
        self.kept |= before | ran


def used(item: Any) -> list[Any]:
    """The fixtures that a test used, also those that were asked for while it ran; private to pytest, as is `Item`."""
    found: list[Any] = []
    named = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    for fixtures in named.values():
        found += fixtures
    asked = getattr(getattr(item, "_request", None), "_fixture_defs", {})
    return found + list(asked.values())
