# SPDX-License-Identifier: GPL-2.0-only
"""Which functions and files a change touches, by comparing syntax trees; tells them in lines of JSON.

    python cd_units.py < request

The request is JSON: ``base``, the revision before the change (the checkout is what comes after), and ``imported``, the
keys of units that ran while tests were collected, as base64 (see `pytest_ran.packed`). The program is sent to a worker
and run at the top of the checkout by the tested project's own Python (3.8 or later), whose syntax its files have.

A function's body counts for what ran it. Anything else in a file is run by its import and has no test of its own:
there the names that it binds are followed to who uses them, through other modules too; a function that ran during an
import is followed to what was made with it. Following goes by bare names, so it finds too much rather than too little.
Comments, layout, order and docstrings without examples are no change.

Events: ``unit`` (``path``, ``name``, ``why``) for each unit that may behave differently; ``read`` (``path``) for each
changed file whose units are told; ``below`` (``path``, ``why``) if every test under a folder is concerned; ``end``.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILE, MODULE = "<file>", "<module>"
LOOSE = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
WIDTH = 3000  # characters of JSON on one line of stdout
MOST_NAMES = 400  # followed names; beyond them the change is as wide as its file
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def key(path: str, name: str) -> int:
    """The number of a unit, as `pytest_ran.key` has it."""
    return zlib.crc32((path + "\0" + name).encode("utf-8", "surrogatepass"))


def say(kind: str, **fields: Any) -> None:
    """One event on stdout, cut as workers need it."""
    text = json.dumps(dict({"event": kind}, **fields), ensure_ascii=True, separators=(",", ":"))
    pieces = [text]
    if len(text) > WIDTH:
        pieces = ["+" + text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        pieces[-1] = ">" + pieces[-1][1:]
    sys.stdout.write("".join(piece + "\n" for piece in pieces))


# -- one file


class Function:
    """A function that is not inside of another one; overloads and setters of one name count together."""

    def __init__(self) -> None:
        self.body: list[str] = []
        self.head: list[str] = []
        self.made: list[str] = []  # decorators, examples in its docstring
        self.uses: set[str] = set()  # names that its body and its arguments' names mention
        self.needs: set[str] = set()  # names that it takes to define it: decorators, defaults, annotations

    def add(self, node: Any) -> None:
        """One definition."""
        text = ast.get_docstring(node, clean=False)
        body = node.body[1:] if text is not None else node.body
        self.body.append(dumped(body))
        self.head.append(dumped([node.args, node.returns]) + type(node).__name__)
        self.made.append(dumped(node.decorator_list) + (text if text and ">>>" in text else ""))
        local = {one.id for part in body for one in ast.walk(part) if is_bound(one)}
        self.uses |= {name for part in body for name in mentioned(part) if name not in local}
        self.uses |= {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        for part in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            self.needs |= mentioned(part)


class Statement:
    """A statement that an import runs: ``scope`` is its class with a dot, or empty."""

    def __init__(self, scope: str, text: str, binds: set[str], uses: set[str], star: bool = False) -> None:
        self.scope, self.text, self.binds, self.uses, self.star = scope, text, binds, uses, star


class Outline:
    """A file's functions, classes and statements."""

    def __init__(self, tree: Any) -> None:
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, tuple[str, set[str]]] = {}  # by qualified name: its head, and names in that
        self.statements: list[Statement] = []
        self.visit(tree.body, "")

    def visit(self, nodes: list[Any], scope: str) -> None:
        """What stands in a module, a class, or a block of one."""
        for node in nodes:
            if isinstance(node, FUNCTIONS):
                self.functions.setdefault(scope + node.name, Function()).add(node)
            elif isinstance(node, ast.ClassDef):
                head = [*node.bases, *node.keywords, *node.decorator_list]
                names = {name for part in head for name in mentioned(part)}
                self.classes[scope + node.name] = (dumped(head), names)
                self.visit(node.body, scope + node.name + ".")
            elif any(isinstance(getattr(node, block, None), list) for block in BLOCKS):
                self.block(node, scope)
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
                self.statements.append(Statement(scope, ast.dump(node), bound(node), mentioned(node), star))

    def block(self, node: Any, scope: str) -> None:
        """``if``, ``try`` and the like: what decides in its head is about all that is bound inside."""
        blocks = [getattr(node, block) for block in BLOCKS if isinstance(getattr(node, block, None), list)]
        heads = [one for name, one in ast.iter_fields(node) if name not in BLOCKS]
        parts = [one for head in heads for one in (head if isinstance(head, list) else [head])]
        parts = [one for one in parts if isinstance(one, ast.AST)]
        if parts:
            inside = {name for stmts in blocks for one in stmts for name in bound(one)}
            uses = {name for part in parts for name in mentioned(part)}
            names = inside | {name for part in parts for name in stored(part)}
            self.statements.append(Statement(scope, type(node).__name__ + dumped(parts), names, uses))
        for stmts in blocks:
            self.visit(stmts, scope)

    def members(self, name: str) -> list[str]:
        """The functions of a class and of those inside of it."""
        return [one for one in self.functions if one.startswith(name + ".")]


def outline(text: str) -> Outline | None:
    """None if this is no Python that we can read."""
    try:
        return Outline(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def dumped(nodes: Iterable[Any]) -> str:
    """The normal form of a piece of syntax: without places, comments and layout."""
    return ";".join(ast.dump(one) for one in nodes if one is not None)


def is_bound(node: Any) -> bool:
    """Whether this is a name that is assigned to."""
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def mentioned(node: Any) -> set[str]:
    """The names in a piece of syntax: variables, attributes, what is imported, and texts that could be names."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute):
            found.add(one.attr)
        elif isinstance(one, ast.alias):
            found.update(one.name.split("."))
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) < 100:
            found.update(part for part in one.value.split(".") if part.isidentifier())
    return found


def stored(node: Any) -> set[str]:
    """The names that a piece of syntax assigns to."""
    return {one.id for one in ast.walk(node) if is_bound(one)}


def bound(node: Any) -> set[str]:
    """The names that mean something else after this statement; for a mere call all that it mentions."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {one.asname or one.name.partition(".")[0] for one in node.names}
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)):
        several = isinstance(node, (ast.Assign, ast.Delete))
        targets = node.targets if several else [node.target]  # type: ignore[attr-defined]
        found = {name for one in targets for name in mentioned(one)}
        listed = isinstance(node, ast.Assign) and "__all__" in found
        return found | (mentioned(node.value) if listed else set())  # type: ignore[attr-defined]
    if isinstance(node, ast.Expr):
        return mentioned(node)
    return {name for one in ast.iter_child_nodes(node) for name in bound(one)} | stored(node)


# -- the change


class Change:
    """Follows a change through the checkout."""

    def __init__(self, texts: dict[str, str], imported: set[int]) -> None:
        """``texts`` are the checkout's Python files by path."""
        self.texts, self.imported = texts, imported
        self.outlines: dict[str, Outline | None] = {}
        self.units: dict[tuple[str, str], str] = {}
        self.below: dict[str, str] = {}
        self.values: dict[str, str] = {}  # names that mean something else, each with the cause
        self.acts: dict[str, str] = {}  # functions that an import called and that behave differently
        self.fresh: set[str] = set()

    def unit(self, path: str, name: str, why: str) -> None:
        """It may behave differently."""
        self.units.setdefault((path, name), why)

    def value(self, names: Iterable[str], why: str) -> None:
        """These names mean something else."""
        for name in names:
            if name not in self.values:
                self.values[name] = why
                self.fresh.add(name)

    def act(self, path: str, name: str, why: str) -> None:
        """The function behaves differently: if an import called it, so does what was made with it."""
        if key(path, name) in self.imported:
            parts = name.split(".")
            special = len(parts) > 1 and parts[-1].startswith("__")
            for one in parts[-2:] if special else parts[-1:]:
                if one not in self.acts and one not in self.values:
                    self.acts[one] = why
                    self.fresh.add(one)

    def whole_class(self, path: str, name: str, outlines: Iterable[Outline], why: str) -> None:
        """A class is made in another way."""
        self.value([name.rpartition(".")[2]], why)
        for one in outlines:
            for member in (*one.members(name), *(name + "." + loose for loose in LOOSE)):
                self.unit(path, member, why)

    def file(self, path: str, before: str, after: str) -> None:
        """A Python file; one of the texts is empty if it is new or gone."""
        old, new = outline(before), outline(after)
        if old is None or new is None:
            self.unit(path, FILE, f"{path} cannot be read as Python")
            return
        self.outlines[path] = new
        self.functions(path, old, new)
        both = (old, new)
        for name in sorted(old.classes.keys() | new.classes.keys()):
            if old.classes.get(name, ("",))[0] != new.classes.get(name, ("",))[0] or (
                (name in old.classes) != (name in new.classes)
            ):
                self.whole_class(path, name, both, f"{path}::{name} is another class")
        counts: dict[tuple[str, str], int] = {}
        for sign, one in ((1, new), (-1, old)):
            for statement in one.statements:
                at = (statement.scope, statement.text)
                counts[at] = counts.get(at, 0) + sign
        for one in both:
            for statement in one.statements:
                if counts[statement.scope, statement.text]:
                    self.statement(path, statement, both, f"{path} {named(statement)} changed")

    def functions(self, path: str, old: Outline, new: Outline) -> None:
        """The functions of a changed file."""
        none = Function()
        for name in sorted(old.functions.keys() | new.functions.keys()):
            a, b = old.functions.get(name, none), new.functions.get(name, none)
            if (a.body, a.head, a.made) == (b.body, b.head, b.made):
                continue
            why = f"{path}::{name} changed"
            self.unit(path, name, why)
            owner, _, short = name.rpartition(".")
            comes_or_goes = a is none or b is none
            if comes_or_goes or a.made != b.made:
                self.value([short], why)
            if comes_or_goes and owner and short.startswith("__"):
                self.whole_class(path, owner, (old, new), why)
            self.act(path, name, why)
            if os.path.basename(path) == "conftest.py" and (comes_or_goes or short.startswith("pytest_")):
                self.below.setdefault(os.path.dirname(path), why)

    def statement(self, path: str, statement: Statement, outlines: Iterable[Outline], why: str) -> None:
        """A statement that an import runs has another outcome."""
        self.value(statement.binds, why)
        for loose in LOOSE:
            self.unit(path, statement.scope + loose, why)
        if statement.star:
            self.unit(path, FILE, why)
        if statement.scope:
            self.whole_class(path, statement.scope[:-1], outlines, why)

    def follow(self) -> None:
        """Go on until no name is new."""
        while self.fresh and len(self.values) + len(self.acts) < MOST_NAMES:
            fresh, self.fresh = self.fresh, set()
            pattern = re.compile(r"\b(?:" + "|".join(re.escape(one) for one in sorted(fresh)) + r")\b")
            for path, text in self.texts.items():
                if pattern.search(text):
                    self.uses(path, fresh)
        if self.fresh:  # too wide to follow: whoever ran anything of a file that mentions one of the names
            pattern = re.compile(r"\b(?:" + "|".join(re.escape(one) for one in sorted(self.fresh)) + r")\b")
            for path, text in self.texts.items():
                if pattern.search(text):
                    self.unit(path, FILE, next(iter(self.values.values()), "") + ", and much follows from it")

    def uses(self, path: str, fresh: set[str]) -> None:
        """What of a file uses the names."""
        if path not in self.outlines:
            self.outlines[path] = outline(self.texts[path])
        one = self.outlines[path]
        if one is None:
            self.unit(path, FILE, f"{path} cannot be read as Python")
            return
        values, both = fresh & self.values.keys(), (one,)
        for name, function in one.functions.items():
            hit = function.needs & fresh
            if hit:
                why = self.cause(hit)
                self.unit(path, name, why)
                self.value([name.rpartition(".")[2]], why)
            hit = function.uses & values
            if hit:
                self.unit(path, name, self.cause(hit))
            hit = function.uses & fresh
            if hit:
                self.act(path, name, self.cause(hit))
        for name, (_, names) in one.classes.items():
            if names & fresh:
                self.whole_class(path, name, both, self.cause(names & fresh))
        for statement in one.statements:
            if statement.uses & fresh and not statement.binds <= self.values.keys():
                self.statement(path, statement, both, self.cause(statement.uses & fresh))

    def cause(self, names: set[str]) -> str:
        """Why this is concerned."""
        name = min(names)
        why = self.values.get(name) or self.acts.get(name, "")
        return why if " uses " in why or "which" in why else f"{why}, which is used by name ({name})"


def named(statement: Statement) -> str:
    """The statement for people."""
    names = sorted(statement.binds)[:2]
    return (statement.scope + (", ".join(names) or "a statement")).strip()


# -- the program


def git(*words: str) -> bytes:
    """What git says; nothing if it fails."""
    return subprocess.run(["git", *words], stdout=subprocess.PIPE, check=False).stdout


def changed(base: str) -> Iterator[str]:
    """Paths that differ from the base, new ones too."""
    for words in (
        ("diff", "--name-only", "--no-renames", "-z", base, "--"),
        ("ls-files", "-z", "--others", "--exclude-standard"),
    ):
        yield from (os.fsdecode(one) for one in git(*words).split(b"\0") if one)


def read(path: str) -> str:
    """A file of the checkout as text; empty if it is gone."""
    try:
        with open(path, "rb") as file:
            return decoded(file.read())
    except OSError:
        return ""


def decoded(data: bytes) -> str:
    """Source text; what is no UTF-8 is taken as Latin-1, in which names are the same."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main() -> int:
    """The program."""
    request = json.load(sys.stdin)
    data = base64.b64decode(request.get("imported") or "")
    imported = set(struct.unpack("<%dI" % (len(data) // 4), data))  # noqa: UP031
    paths = [os.fsdecode(one) for one in git("ls-files", "-z", "*.py").split(b"\0") if one]
    touched = list(changed(request["base"]))
    python = [one for one in touched if one.endswith(".py")]
    texts = {path: read(path) for path in dict.fromkeys((*paths, *python))} if python else {}
    change = Change(texts, imported)
    for path in python:
        change.file(path, decoded(git("show", f"{request['base']}:{path}")), texts[path])
    change.follow()
    for path in touched:
        if not path.endswith(".py"):
            change.unit(path, FILE, f"{path} changed")
    for (path, name), why in change.units.items():
        say("unit", path=path, name=name, why=why)
    for path in python:
        say("read", path=path)
    for path, why in change.below.items():
        say("below", path=path, why=why)
    say("end", count=len(change.units))
    return 0


if __name__ == "__main__":
    sys.exit(main())
