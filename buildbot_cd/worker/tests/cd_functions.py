# SPDX-License-Identifier: GPL-2.0-only
"""Which functions of a checkout ran, by ``sys.monitoring`` or by coverage.py.

This file is sent to a worker under this name, and lies beside the programs that use it. Python 3.8 or later.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import linecache
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.worker.tests import syntax_parts
    from buildbot_cd.worker.tests.cd_checkout import BLIND, FILE, MODULE, Files, key, unit
else:
    from cd_checkout import BLIND, FILE, MODULE, key, unit

    try:
        import cd_parts as syntax_parts  # beside this file on a worker
    except ImportError:
        import syntax_parts

CROWDED = 3  # so many tests run a function before its parts are told
FEW = 3  # lines behind its head from which on a function may have parts
OPTIMIZED = 1  # the flag that functions have and modules and classes do not
SPAWNS = ("multiprocessing/popen_spawn_posix.py", "multiprocessing/popen_forkserver.py")


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
