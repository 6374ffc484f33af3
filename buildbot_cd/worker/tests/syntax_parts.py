# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a function: runs of statements between places where some calls go another way than others.

This file is sent to a worker beside `changed_units.py` and `pytest_ran.py`, which load it; Python 3.8 or later. The one
looks at a whole file, the other at the lines of one function; both must come to the same names, so they share this.

A new part begins with each block (a branch, a loop's body, a handler) and behind each statement that may leave its
block early. A part is told by its number and by the function's `Shape.marker`, which holds whatever the numbers depend
on: where that is another one, the parts of two recordings cannot be compared, and the function counts as a whole.
"""

from __future__ import annotations

import ast
import sys
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
PYTHON = "%d.%d" % sys.version_info[:2]  # noqa: UP031 - syntax trees differ between versions


class Shape:
    """A function's parts: ``marker``, the part of each statement, and by line the parts that begin or go on there."""

    def __init__(self, node: Any, source: Sequence[str]) -> None:
        """``source`` are the lines in which the node's numbers count."""
        self.source = source
        self.count = 0
        self.of: dict[int, int] = {}  # by the identity of a statement
        self.lines: dict[int, tuple[int, ...]] = {}
        self.heads: list[str] = []
        self.walk(body(node))
        text = "\n".join((PYTHON, *self.heads))
        self.marker = "%08x" % zlib.crc32(text.encode("utf-8", "surrogatepass"))  # noqa: UP031

    def walk(self, statements: Sequence[Any]) -> None:
        """The statements of a block."""
        here = -1
        for one in statements:
            if here < 0:
                here, self.count = self.count, self.count + 1
                self.heads.append("|")
            self.of[id(one)] = here
            inner = blocks(one)
            if not inner:
                self.runs(here, one.lineno, one.end_lineno)
                continue
            self.head(here, one)
            for block in inner:
                self.walk(block)
            if leaves(one):
                here = -1
            self.heads.append(")")

    def head(self, part: int, statement: Any) -> None:
        """What decides over the blocks of a statement."""
        self.heads.append(type(statement).__name__)
        for one in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            own = list(before_blocks(one))
            begun = min([getattr(one, "lineno", sys.maxsize), *(child.lineno for child in own)])
            ended = max([getattr(one, "lineno", 0), *(child.end_lineno for child in own)])
            self.runs(part, begun, ended)
            self.heads.append("".join("".join(self.source[begun - 1 : ended]).split()))

    def runs(self, part: int, begun: int, ended: int) -> None:
        """These lines belong to the part."""
        for line in range(begun, ended + 1):
            before = self.lines.get(line, ())
            if part not in before:
                self.lines[line] = (*before, part)


def names(qualname: str, marker: str, parts: Iterable[int]) -> list[str]:
    """The units that say that a function's parts are told, and which they are.

    Beside them the unit ``qualname#`` says that something of the function ran of which no parts are told.
    """
    return [f"{qualname}#{marker}", *(f"{qualname}#{marker}#{one}" for one in parts)]


def changed(old: Sequence[Any], new: Sequence[Any], source: Sequence[str]) -> tuple[str, list[int]] | None:
    """Which parts of the old function a change touches: tests that ran none of them run the same as before.

    None if that cannot be told: there are several of that name, or another variable is a local one. ``source`` are the
    lines of the old file.
    """
    if len(old) != 1 or len(new) != 1 or not body(old[0]) or list(scopes(old[0])) != list(scopes(new[0])):
        return None
    shape = Shape(old[0], source)
    found: set[int] = set()
    compare(body(old[0]), body(new[0]), shape, found)
    return shape.marker, sorted(found)


def compare(old: Sequence[Any], new: Sequence[Any], shape: Shape, found: set[int]) -> None:
    """Of two versions of a block; whoever comes to something new comes by what stood there or before it."""
    before, after = [ast.dump(one) for one in old], [ast.dump(one) for one in new]
    if len(before) != len(after):
        same = 0
        while same < min(len(before), len(after)) and before[same] == after[same]:
            same += 1
        found.add(shape.of[id(old[min(same, len(old) - 1)])])
        return
    for a, b, left, right in zip(old, new, before, after):  # noqa: B905 - Python 3.8
        if left == right:
            continue
        inner = blocks(a)
        if inner and head_of(a) == head_of(b):
            for one, other in zip(inner, blocks(b)):  # noqa: B905 - as above
                compare(one, other, shape, found)
        else:
            found.add(shape.of[id(a)])


def body(node: Any) -> list[Any]:
    """A function's statements without its docstring."""
    statements: list[Any] = node.body
    return statements[1:] if ast.get_docstring(node, clean=False) is not None else statements


def blocks(statement: Any) -> list[list[Any]]:
    """The statements inside of one, block by block."""
    found = []
    for one in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(one, name, None)
            if isinstance(block, list) and block:
                found.append(block)
    return found


def before_blocks(statement: Any) -> Iterator[Any]:
    """What stands before the blocks of a statement, and in some line."""
    for one in ast.iter_child_nodes(statement):
        if hasattr(one, "lineno"):
            if not isinstance(one, (ast.stmt, ast.ExceptHandler)):
                yield one
        elif not hasattr(one, "body"):  # arguments, or what a with takes; no case of a match
            yield from before_blocks(one)


def head_of(statement: Any) -> str:
    """A statement without what stands in its blocks; with which of them there are."""
    found = [type(statement).__name__]
    for one in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for name, value in ast.iter_fields(one):
            if name in ("body", "orelse", "finalbody", "handlers", "cases"):
                found.append(f"{name}:{len(value) if name in ('handlers', 'cases') else bool(value)}")
            else:
                listed = value if isinstance(value, list) else [value]
                found.append(name + ":" + ";".join(ast.dump(x) if isinstance(x, ast.AST) else repr(x) for x in listed))
    return "\n".join(found)


def leaves(statement: Any) -> bool:
    """Whether it may end its block early."""
    stack = [] if isinstance(statement, FUNCTIONS) else [statement]
    while stack:
        for one in ast.iter_child_nodes(stack.pop()):
            if isinstance(one, LEAVES):
                return True
            if not isinstance(one, (*FUNCTIONS, ast.expr)):
                stack.append(one)
    return False


def scopes(node: Any) -> Iterator[set[str]]:
    """What makes a name a local one, and a function a generator, by function: of this one and of those inside."""
    found: set[str] = set()
    stack, inner = list(ast.iter_child_nodes(node)), []
    while stack:
        one = stack.pop()
        if isinstance(one, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            found.add(str(getattr(one, "name", "")))
            inner.append(one)
            continue
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
        elif isinstance(one, (ast.Global, ast.Nonlocal)):
            found.update(type(one).__name__ + " " + name for name in one.names)
        elif isinstance(one, (ast.Yield, ast.YieldFrom, ast.Await)):
            found.add("yield")
        elif isinstance(one, ast.alias):
            found.add(one.asname or one.name)
        elif isinstance(one, ast.ExceptHandler) or type(one).__name__ in ("MatchAs", "MatchStar", "MatchMapping"):
            found.add(str(getattr(one, "name", None) or getattr(one, "rest", None)))
        stack += ast.iter_child_nodes(one)
    yield found
    for one in inner:
        yield from scopes(one)
