# SPDX-License-Identifier: GPL-2.0-only
"""Small faults put into a project, one at a time: in functions, module level, decorators, defaults, data, fixtures."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.selection.projects import Project

KINDS = ("function", "module", "decorator", "default", "data", "fixture")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
OPPOSITE: dict[type, type] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    """One fault: the whole new text of one file."""

    kind: str
    path: str
    line: int
    text: bytes


def mutants(project: Project, where: Path, wanted: dict[str, int], seed: int) -> list[Mutant]:
    """So many of each kind, drawn by the seed; fewer where there are not so many."""
    found: dict[str, list[Mutant]] = {kind: [] for kind in KINDS}
    for path in sorted(where.rglob("*")):
        name = path.relative_to(where).as_posix()
        inside = name.startswith((project.source + "/", *(root + "/" for root in project.roots)))
        if not path.is_file() or not inside or "/." in "/" + name:
            continue
        for mutant in _python(path, name) if path.suffix == ".py" else _data(path, name):
            found[mutant.kind].append(mutant)
    rng = random.Random(f"{project.name}/{seed}")
    return [one for kind in KINDS for one in rng.sample(found[kind], min(wanted.get(kind, 0), len(found[kind])))]


def _data(path: Path, name: str) -> Iterator[Mutant]:
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    if lines and b"\0" not in data:
        yield Mutant("data", name, len(lines), b"".join(lines[: len(lines) // 2]))
        yield Mutant("data", name, 1, b"X" + data)


def _python(path: Path, name: str) -> Iterator[Mutant]:
    data = path.read_bytes()
    try:
        tree = ast.parse(data)
    except SyntaxError:
        return
    test = _is_test(name)
    helper = test and not path.name.startswith("test_")
    for kind, node, change in _places(tree, helper=helper):
        if test and kind != "fixture":
            continue
        text = _edited(data, node, change)
        if text is not None and _parses(text) and text != data:
            yield Mutant(kind, name, node.lineno, text)


def _is_test(name: str) -> bool:
    return "tests" in name.split("/")[:-1] or name.rpartition("/")[2] == "conftest.py"


def _places(tree: Any, *, helper: bool) -> Iterator[tuple[str, Any, str]]:
    """(kind, node, its new text) of every place that can be changed."""
    stack: list[tuple[Any, bool]] = [(tree, False)]
    while stack:
        node, inside = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FUNCTIONS):
                fixture = helper or any("fixture" in ast.dump(one) for one in child.decorator_list)
                kind = "fixture" if fixture else "function"
                if not inside:
                    yield from (("decorator", one, "") for one in child.decorator_list if kind == "function")
                    for default in (*child.args.defaults, *(one for one in child.args.kw_defaults if one)):
                        yield from (("default", at, text) for at, text in _changes(default))
                    body = [part for part in child.body if not _is_text(part)]
                    yield from ((kind, at, text) for part in body for at, text in _changes(part))
            elif not inside and isinstance(child, ast.Assign | ast.AnnAssign) and child.value is not None:
                yield from (("module", at, text) for at, text in _changes(child.value))
                yield "module", child.value, "None"
            stack.append((child, inside or isinstance(child, FUNCTIONS)))


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(root: Any) -> Iterator[tuple[Any, str]]:
    """Each node below that can be replaced, with its new text."""
    for node in ast.walk(root):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                yield node, str(not node.value)
            elif isinstance(node.value, int):
                yield node, str(node.value + 1)
            elif isinstance(node.value, str) and not isinstance(getattr(node, "kind", None), str):
                yield node, repr(node.value + "X")
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITE:
            ops = [OPPOSITE[type(node.ops[0])](), *node.ops[1:]]
            yield node, f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})"
        elif isinstance(node, ast.BinOp) and type(node.op) in OPPOSITE:
            yield node, f"({ast.unparse(ast.BinOp(node.left, OPPOSITE[type(node.op)](), node.right))})"
        elif isinstance(node, ast.BoolOp):
            yield node, f"({ast.unparse(ast.BoolOp(OPPOSITE[type(node.op)](), node.values))})"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node, "return None"
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            yield node, ast.unparse(ast.Call(node.func, node.args[:-1], node.keywords))
        elif isinstance(node, ast.Call) and not node.args and not node.keywords:
            yield node, "None"


def _edited(data: bytes, node: Any, text: str) -> bytes | None:
    """The file with the node's text replaced; a decorator goes with its line."""
    lines = data.splitlines(keepends=True)
    if text == "":
        return b"".join(lines[: node.lineno - 1] + lines[node.end_lineno :])
    first, last = node.lineno - 1, node.end_lineno - 1
    head = b"".join(lines[:first]) + lines[first][: node.col_offset]
    tail: bytes = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    found: bytes = head + text.encode() + tail
    return found


def _parses(text: bytes) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
