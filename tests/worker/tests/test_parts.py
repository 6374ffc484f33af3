# SPDX-License-Identifier: GPL-2.0-only
"""The parts of functions: whoever ran no changed part of a function does the same with its new version."""

from __future__ import annotations

import ast
import sys
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as some

from buildbot_cd.worker.tests import syntax_parts

if TYPE_CHECKING:
    from types import FrameType

SIMPLE = (
    *(
        "log.append('{n}')",
        "x = not x",
        "x = y",
        "y = {n} > 4",
        "z.pop()",
        "return x",
        "return {n}",
        "raise KeyError({n})",
    ),
    *("break", "continue", "(lambda: log.append('{n}'))()", "log.append(later and later())", "pass"),
)
HEAD = "def f(x, y, z, log):\n    for _ in (1, 2):\n"
HEADS = (
    ("if x:", "else:"),
    ("if y:",),
    ("for x in (False, True):", "else:"),
    ("while z.pop():", "else:"),
    ("try:", "except KeyError:", "else:", "finally:"),
    ("try:", "except (KeyError, IndexError) as e:"),
    ("with suppress(IndexError):",),
    ("def later():",),
    ("match x, y:\n    case True, _:", "    case _, False if z.pop():"),
)


def block_of(rng: Random, depth: int = 3) -> list[Any]:
    """Some statements."""
    found: list[Any] = []
    for _ in range(rng.randint(1, 4)):
        heads = rng.choice(HEADS)
        deeper = depth and rng.random() < 0.4
        found.append(
            (heads, *(block_of(rng, depth - 1) for _ in heads)) if deeper else (rng.choice(SIMPLE), rng.randint(0, 9))
        )
    return found


def lines_of(block: list[Any], indent: str = "    ") -> list[str]:
    """As source."""
    found = []
    for head, *rest in block:
        if isinstance(head, str):
            found.append(indent + head.format(n=rest[0]))
            continue
        for one, inner in zip(head, rest, strict=True):
            found += [indent + line for line in one.split("\n")]
            depth = len(found[-1]) - len(found[-1].lstrip())
            found += lines_of(inner, " " * (depth + 4))
    return found


def places(block: list[Any]) -> list[tuple[list[Any], int]]:
    """Each statement, as the block that it stands in and where."""
    found = [(block, at) for at in range(len(block))]
    for head, *rest in block:
        if not isinstance(head, str):
            found += [place for inner in rest for place in places(inner)]
    return found


def copied(block: list[Any]) -> list[Any]:
    """All of it."""
    return [one if isinstance(one[0], str) else (one[0], *(copied(inner) for inner in one[1:])) for one in block]


def compiled(source: str) -> Any:
    """The function, None if this is no Python (a break without a loop)."""
    names: dict[str, Any] = {}
    try:
        exec(compile("from contextlib import suppress\n" + source, "made.py", "exec"), names)  # noqa: S102 - our own
    except SyntaxError:
        return None
    return names["f"]


def outcome(function: Any, x: bool, y: bool, size: int) -> tuple[list[Any], set[int]]:
    """What it does, and which lines run: without that of the import before it."""
    log: list[Any] = []
    ran: set[int] = set()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != "made.py":
            return None
        if event == "line":
            ran.add(frame.f_lineno - 1)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        log.append(("gives", function(x, y, [bool(at % 3) for at in range(size)], log)))
    except Exception as error:  # noqa: BLE001 - whatever it does is what it does
        log.append((type(error).__name__, str(error)))
    finally:
        sys.settrace(before)
    return [repr(one).partition(" at 0x")[0] for one in log], ran


@given(some.integers(0, 2**32))
def test_who_ran_no_changed_part_does_the_same_as_before(seed: int) -> None:
    """Statements go, come and change, at any depth."""
    rng = Random(seed)
    block = block_of(rng)
    other = copied(block)
    for _ in range(rng.randint(1, 2)):
        where, at = rng.choice(places(other))
        fresh = block_of(rng, 1)[: rng.randint(0, 2)]
        where[at : at + rng.randint(0, 1)] = fresh if fresh or len(where) > 1 else [("pass", 0)]
    old, new = (HEAD + "\n".join(lines_of(one, " " * 8)) + "\n" for one in (block, other))
    before, after = compiled(old), compiled(new)
    if before is None or after is None:
        return
    shape = syntax_parts.Shape(ast.parse(old).body[0], old.splitlines())
    told = syntax_parts.changed(ast.parse(old).body, ast.parse(new).body, old.splitlines())
    if told is None:
        return
    assert told[0] == shape.marker
    for x, y, size in product((False, True), (False, True), (0, 2, 5)):
        did, ran = outcome(before, x, y, size)
        parts = {part for line in ran for part in shape.lines.get(line) or range(shape.count)}
        if parts.isdisjoint(told[1]):
            assert outcome(after, x, y, size)[0] == did


def parts_of(source: str) -> dict[int, tuple[int, ...]]:
    """By line its parts."""
    return syntax_parts.Shape(ast.parse(source).body[0], source.splitlines()).lines


def test_a_part_ends_where_calls_part() -> None:
    """At each block, and behind what may leave one; what stands in one line counts for both."""
    assert parts_of("def f(x):\n    a\n    if x: return 1\n    b\n    for y in x:\n        c\n    d\n") == {
        2: (0,),
        3: (0, 1),
        4: (2,),
        5: (2,),
        6: (3,),
        7: (2,),
    }


def test_a_variable_that_becomes_a_local_one_concerns_every_call() -> None:
    """Python decides that for the whole function, and so it does that it is a generator."""
    old = "def f(x):\n    if x:\n        a(1)\n    return b\n"
    for more in ("b = 1", "global a", "yield", "import b", "def b(): pass", "for b in x: pass"):
        new = old.replace("a(1)", more)
        assert syntax_parts.changed(ast.parse(old).body, ast.parse(new).body, old.splitlines()) is None


def test_other_conditions_make_another_shape() -> None:
    """Numbers of parts mean the same only as long as what they depend on stays; statements in them may change."""

    def marker(source: str) -> str:
        return syntax_parts.Shape(ast.parse(source).body[0], source.splitlines()).marker

    old = "def f(x):\n    if x:\n        a(1)\n    return b\n"
    assert marker(old) == marker(old.replace("a(1)", "a(2)")) == marker(old.replace("if x", "if  x"))
    for a, b in (("if x", "if y"), ("a(1)", "return"), ("    return b", "    else:\n        b")):
        new = old.replace(a, b)
        assert marker(old) != marker(new)
