# SPDX-License-Identifier: GPL-2.0-only
"""What a Python file is made of: functions, classes, statements that its import runs, and the names that each mentions.

This file is sent to a worker beside `changed_units.py`, which loads it; Python 3.8 or later.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOSE = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PLAIN = {
    *("property", "cached_property", "setter", "getter", "deleter", "staticmethod", "classmethod"),
    *("lru_cache", "cache", "contextmanager", "asynccontextmanager", "wraps"),
}
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Uses:
    """Names that a piece of syntax mentions: variables; attributes, and texts that could be names of something."""

    def __init__(self, nodes: Iterable[Any] = ()) -> None:
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        for node in nodes:
            for one in ast.walk(node):
                if isinstance(one, ast.Name):
                    self.names.add(one.id)
                elif isinstance(one, ast.Attribute):
                    self.attributes.add(one.attr)
                elif isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) < 100:
                    self.attributes.update(part for part in one.value.split(".") if part.isidentifier())

    def any(self, names: dict[str, Any], attributes: dict[str, Any]) -> Any:
        """What one of these that is mentioned stands for, None if none is."""
        found = self.names & names.keys()
        if found:
            return names[min(found)]
        found = self.attributes & attributes.keys()
        return attributes[min(found)] if found else None


class Function:
    """A function that is not inside of another one; overloads and setters of one name count together."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.body: list[str] = []
        self.head: list[str] = []
        self.made: list[str] = []  # decorators, examples in its docstring
        self.plain = True  # whether its decorators change only what one gets by its name
        self.inside = Uses()  # what its body mentions
        self.arguments: set[str] = set()  # fixtures are asked for by them
        self.outside = Uses()  # what it takes to define it: decorators, defaults, annotations

    def add(self, node: Any) -> None:
        """One definition."""
        self.nodes.append(node)
        text = ast.get_docstring(node, clean=False)
        body = node.body[1:] if text is not None else node.body
        self.body.append(dumped(body))
        self.head.append(dumped([node.args, node.returns]) + type(node).__name__)
        self.made.append(dumped(node.decorator_list) + (text if text and ">>>" in text else ""))
        arguments = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        self.plain = self.plain and all(is_plain(one) for one in node.decorator_list)
        inside, outside = Uses(body), Uses(one for one in (*node.decorator_list, node.args, node.returns) if one)
        inside.names -= arguments | {name for part in body for name in assigned(part)}
        self.arguments |= arguments
        for mine, found in ((self.inside, inside), (self.outside, outside)):
            mine.names |= found.names
            mine.attributes |= found.attributes


class Statement:
    """A statement that an import runs: ``scope`` is its class with a dot, or empty."""

    def __init__(self, scope: str, text: str, binds: set[str], uses: Uses) -> None:
        self.scope, self.text, self.binds, self.uses = scope, text, binds, uses


class Outline:
    """A file's functions, classes, statements and imports."""

    def __init__(self, tree: Any) -> None:
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, tuple[str, Uses]] = {}  # by qualified name: its head
        self.statements: list[Statement] = []
        self.visit(tree.body, "")
        self.imports = [one for one in ast.walk(tree) if isinstance(one, (ast.Import, ast.ImportFrom))]

    def visit(self, nodes: list[Any], scope: str) -> None:
        """What stands in a module, a class, or a block of one."""
        for node in nodes:
            if isinstance(node, FUNCTIONS):
                self.functions.setdefault(scope + node.name, Function()).add(node)
            elif isinstance(node, ast.ClassDef):
                head = [*node.bases, *node.keywords, *node.decorator_list]
                self.classes[scope + node.name] = (dumped(head), Uses(head))
                self.visit(node.body, scope + node.name + ".")
            elif any(isinstance(getattr(node, block, None), list) for block in BLOCKS):
                self.block(node, scope)
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                self.statements.append(Statement(scope, ast.dump(node), bound(node), Uses([node])))

    def block(self, node: Any, scope: str) -> None:
        """``if``, ``try`` and the like: what decides in its head is about all that is bound inside."""
        blocks = [getattr(node, block) for block in BLOCKS if isinstance(getattr(node, block, None), list)]
        heads = [one for name, one in ast.iter_fields(node) if name not in BLOCKS]
        parts = [one for head in heads for one in (head if isinstance(head, list) else [head])]
        parts = [one for one in parts if isinstance(one, ast.AST)]
        if parts:
            names = {name for stmts in blocks for one in stmts for name in bound(one)}
            names |= {name for part in parts for name in assigned(part)}
            self.statements.append(Statement(scope, type(node).__name__ + dumped(parts), names, Uses(parts)))
        for stmts in blocks:
            self.visit(stmts, scope)

    def unbound(self) -> set[str]:
        """What ``__all__`` lists and the file does not define: ``import *`` of it fails, unless that is a submodule."""
        if any(alias.name == "*" for node in self.imports for alias in node.names):
            return set()  # it may come from there
        listed = {name for one in self.statements if "__all__" in one.binds for name in one.uses.attributes}
        return listed.difference(self.functions, self.classes, *(one.binds for one in self.statements))

    def is_bare(self, name: str) -> bool:
        """Whether nothing collects the methods of a class when it is made: no base, no metaclass, no decorator."""
        return (
            name in self.classes and self.classes[name][1].names <= {"object"} and not self.classes[name][1].attributes
        )

    def members(self, name: str) -> list[str]:
        """The functions of a class and of those inside of it."""
        return [one for one in self.functions if one.startswith(name + ".")]


def outline(text: str) -> Outline | None:
    """None if this is no Python that we can read."""
    try:
        return Outline(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def is_plain(decorator: Any) -> bool:
    """Whether a decorator does nothing to the class around it: who notices that it comes or goes calls the method."""
    if isinstance(decorator, ast.Call):
        return is_plain(decorator.func)
    return getattr(decorator, "attr", getattr(decorator, "id", "")) in PLAIN


def dumped(nodes: Iterable[Any]) -> str:
    """The normal form of a piece of syntax: without places, comments and layout."""
    return ";".join(ast.dump(one) for one in nodes if one is not None)


def assigned(node: Any) -> set[str]:
    """The names that a piece of syntax assigns to."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)}


def roots(node: Any) -> set[str]:
    """The variables in a target, without those in its subscripts: ``a.b[c]`` changes ``a``."""
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        return roots(node.value)
    if isinstance(node, (ast.Tuple, ast.List)):
        return {name for one in node.elts for name in roots(one)}
    return {node.id} if isinstance(node, ast.Name) else set()


def bound(node: Any) -> set[str]:
    """The names that mean something else after this statement; for a mere call all variables that it mentions."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {one.asname or one.name.partition(".")[0] for one in node.names}
    if isinstance(node, (ast.Assign, ast.Delete)):
        return {name for one in node.targets for name in roots(one)}
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return roots(node.target)
    if isinstance(node, ast.Expr):
        return Uses([node]).names
    return {name for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt) for name in bound(one)}
