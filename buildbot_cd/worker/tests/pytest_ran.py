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

import ast
import base64
import contextlib
import importlib.util
import linecache
import os
import struct
import sys
import tempfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from buildbot_cd.worker.tests import syntax_parts
else:
    beside = [
        os.path.join(os.path.dirname(os.path.abspath(__file__)), one) for one in ("cd_parts.py", "syntax_parts.py")
    ]
    spec = importlib.util.spec_from_file_location("cd_parts", next(filter(os.path.exists, beside)))
    syntax_parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(syntax_parts)

FILE, MODULE, BLIND = "<file>", "<module>", "<blind>"
SKIPPED = (".pyc", ".pyo", ".py", ".so")  # opened by imports and tracebacks
HIDDEN = (".git/", ".pytest_cache/", ".hypothesis/", ".tox/", ".venv/")
CROWDED = 3  # so many tests run a function before its parts are told
FEW = 3  # lines behind its head from which on a function may have parts
OPTIMIZED = 1  # the flag that functions have and modules and classes do not
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
    """Functions by ``sys.monitoring``, and the parts of those that many tests run, see `syntax_parts`.

    One tool hears of each piece of code when it begins for the first time; what is of the checkout it hands over to
    another tool, for that code alone. So `again` costs what ran of the checkout, whatever pytest did.
    """

    starts = ("subprocess.Popen", "os.posix_spawn")

    def __init__(self, files: Files) -> None:
        self.files, self.lines = files, Lines(files)
        self.ran: set[tuple[int, int]] = set()  # identities of code, and lines; 0 if only that it began
        self.codes: dict[int, Any] = {}
        self.watched: dict[int, int] = {}  # by identity of code the events
        self.fired: set[int] = set()
        self.times: dict[int, int] = {}
        self.known: dict[tuple[int, int], tuple[int, ...]] = {}
        self.collects = True
        self.forked: Any = None
        self.read = 0

    def begin(self) -> bool:
        """Start; False if there are no two free tool numbers."""
        api: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        free = [one for one in (4, 3, 5, 2) if api.get_tool(one) is None]
        if len(free) < 2:
            return False
        self.api, (self.finder, self.watcher) = api, free[:2]
        self.start, self.line = api.events.PY_START, api.events.LINE
        for tool, name in ((self.finder, "buildbot_cd"), (self.watcher, "buildbot_cd parts")):
            api.use_tool_id(tool, name)
        self.hear()
        os.register_at_fork(before=self.will_fork)
        api.register_callback(self.finder, self.start, self.found)
        api.set_events(self.finder, self.start)
        return True

    def found(self, code: Any, _offset: int) -> Any:
        """A piece of code begins for the first time."""
        name = code.co_filename
        if name[:1] != "<" and id(code) not in self.codes and (name.endswith(SPAWNS) or self.files.path(name)):
            self.codes[id(code)] = code
            if self.collects and is_long(code):
                self.watch(id(code), self.line)
            else:
                self.watch(id(code), self.start)
                self.ran.add((id(code), 0))
                self.tell_parent(code, 0)
        return self.api.DISABLE

    def watch(self, ident: int, events: int) -> None:
        """Hear these events of a piece of code, each once."""
        self.watched[ident] = events
        self.api.set_local_events(self.watcher, self.codes[ident], 0)
        self.api.set_local_events(self.watcher, self.codes[ident], events)

    def hear(self) -> None:
        """Note what is told by the code that is watched; once there may be children, also what is told in these."""
        add, off, tell = self.ran.add, self.api.DISABLE, self.tell_parent

        def line(code: Any, number: int) -> Any:
            add((id(code), number))
            return off

        def began(code: Any, _offset: int) -> Any:
            add((id(code), 0))
            return off

        def line_somewhere(code: Any, number: int) -> Any:
            tell(code, number)
            return line(code, number)

        def began_somewhere(code: Any, offset: int) -> Any:
            tell(code, 0)
            return began(code, offset)

        both = (began, line) if self.forked is None else (began_somewhere, line_somewhere)
        for event, heard in ((self.start, both[0]), (self.line, both[1])):
            self.api.register_callback(self.watcher, event, heard)

    def will_fork(self) -> None:
        """From now on there may be children; what runs in one of them is written to a file that both have."""
        if self.forked is None:
            self.forked, self.pid = tempfile.TemporaryFile("ab+", buffering=0), os.getpid()  # noqa: SIM115 - it stays
            self.hear()

    def tell_parent(self, code: Any, number: int) -> None:
        """In a child: what it ran."""
        if self.forked is not None and os.getpid() != self.pid:
            text = f"{code.co_filename}\0{code.co_qualname}\0{number}\n"
            with contextlib.suppress(OSError, ValueError):
                os.write(self.forked.fileno(), text.encode("utf-8", "surrogatepass"))

    def of_children(self) -> set[int]:
        """What children ran since the last call."""
        found: set[int] = set()
        if self.forked:
            data = os.pread(self.forked.fileno(), os.fstat(self.forked.fileno()).st_size - self.read, self.read)
            self.read += len(data)
            for line in data.decode("utf-8", "surrogatepass").split("\n"):
                words = line.split("\0")
                if len(words) == 3:
                    found.update(self.lines.keys(words[0], words[1], int(words[2])))
        return found

    def again(self) -> None:
        """What ran tells it once more; what tells it often is looked at closely."""
        self.collects = False
        fired, self.fired = self.fired, set()
        for ident in fired:
            events = self.watched[ident]
            if events == self.start:
                times = self.times[ident] = self.times.get(ident, 0) + 1
                events = self.line if times == CROWDED and is_long(self.codes[ident]) else events
            self.watch(ident, events)

    def take(self) -> set[int]:
        """What ran since the last call."""
        ran = list(self.ran)  # other threads may add
        self.ran.difference_update(ran)
        found = self.of_children()
        fresh = [one for one in ran if one not in self.known]
        for one in sorted(fresh, key=lambda one: "<locals>" in self.codes[one[0]].co_qualname):
            self.look(*one)
        for one in ran:
            found.update(self.known[one])
        self.fired.update([ident for ident, _ in ran])
        return found

    def look(self, ident: int, number: int) -> None:
        """The keys of a line that was not told before."""
        code = self.codes[ident]
        if number and not self.lines.has(code):
            self.watched[ident] = self.start  # from the next time on
        self.known[ident, number] = self.lines.keys(code.co_filename, code.co_qualname, number)


def is_long(code: Any) -> bool:
    """Whether this is a function, other than a test, that might have parts."""
    short = unit(code.co_qualname).rpartition(".")[2]
    if not code.co_flags & OPTIMIZED or short.startswith(("test", "<")):
        return False
    return any(line is not None and line >= code.co_firstlineno + FEW for _, _, line in code.co_lines())


class Lines:
    """The units of lines: for functions that were looked at closely their parts, for others the function alone."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.tables: dict[str, dict[int, tuple[int, ...]]] = {}
        self.seen: set[tuple[str, int]] = set()

    def keys(self, name: str, qualname: str, number: int) -> tuple[int, ...]:
        """The keys of a line of a file; of a function that began if it is 0."""
        path = self.files.path(name)
        if path is None:
            return (key("", BLIND),) if name.endswith(SPAWNS) else ()
        function = unit(qualname)
        whole = (key(path, function), key(path, FILE))
        parts = self.tables.get(name, {}).get(number)
        return (*whole, *(parts or (key(path, function + "#"),)))

    def has(self, code: Any) -> bool:
        """Whether parts are known of this code; looks for them if nobody has."""
        name, first = code.co_filename, code.co_firstlineno
        if (name, first) not in self.seen and "<locals>" not in code.co_qualname:
            self.seen.add((name, first))
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, IndexError):
                self.add(name, unit(code.co_qualname), first, last_line(code))
        table = self.tables.get(name, {})
        return any(line in table for _, _, line in code.co_lines())

    def add(self, name: str, function: str, first: int, last: int) -> None:
        """Note the parts of a function that stands in these lines."""
        path, source = self.files.path(name), linecache.getlines(name)[first - 1 : last]
        if source[0][:1].isspace():
            source, first = ["if 1:\n", *source], first - 1
        (node,) = ast.parse("".join(source)).body
        if isinstance(node, ast.If):
            (node,) = node.body
        if path is None or not isinstance(node, syntax_parts.FUNCTIONS):
            return
        shape = syntax_parts.Shape(node, source)
        if shape.count < 2:
            return
        table = self.tables.setdefault(name, {})
        for line in range(1, len(source) + 1):
            parts = shape.lines.get(line) or range(shape.count)
            names = syntax_parts.names(function, shape.marker, parts)
            table[first + line - 1] = tuple(key(path, one) for one in names)


def last_line(code: Any) -> int:
    """The last line of a function, with those inside of it."""
    ends = [one[1] or 0 for one in code.co_positions()]
    return max([*ends, *(last_line(one) for one in code.co_consts if hasattr(one, "co_positions"))])


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
            try:
                with open(name, "rb") as file:
                    tree = ast.parse(file.read())
            except (OSError, SyntaxError, ValueError):
                tree = ast.Module(body=[], type_ignores=[])
            self.lines[name] = dict(body_lines(tree, ""))
        return self.lines[name]


def body_lines(node: Any, scope: str) -> Iterator[tuple[int, str]]:
    """(line, unit) of every line in the body of a function that is not inside of another one."""
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
