# SPDX-License-Identifier: GPL-2.0-only
"""Which functions and files a change touches, by comparing syntax trees; tells them in lines of JSON.

    python cd_units.py < request

The request is JSON: ``base``, the revision before the change (the checkout is what comes after), and ``imported``, the
keys of units that ran while tests were collected, as base64 (see `cd_checkout.packed`). The program is sent to a worker
and run at the top of the checkout by the tested project's own Python (3.8 or later), whose syntax its files have.

A function's body counts for what ran it, part by part. Anything else in a file is run by its import and has no test of
its own: there the names that it binds are followed to who uses them, through other modules too; a function that ran
during an import is followed to what was made with it. Following goes by bare names, so it finds too much rather than
too little. Comments, layout, order and docstrings without examples are no change.

Events: ``unit`` (``path``, ``name``, ``why``) for each unit that may behave differently, with ``parts`` if that matters
only to those that ran one of them (first the unit that says that parts are told, see `syntax_parts`); ``read``
(``path``) for each changed file whose units are told, with ``inside`` if only bodies of its functions changed, and
tests; ``below`` (``path``, ``why``) if every test under a folder is concerned; ``end``.
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

    from buildbot_cd.worker.tests import syntax_outline as syntax
    from buildbot_cd.worker.tests import syntax_parts as parts
    from buildbot_cd.worker.tests.syntax_outline import Function, Outline, Statement

    Name = tuple[str, str]  # a variable of a module: the module's path, and the name
else:
    try:
        import cd_outline as syntax  # beside this file on a worker
        import cd_parts as parts
    except ImportError:
        import syntax_outline as syntax
        import syntax_parts as parts

FILE = "<file>"
STAR = "*"  # before a name: it means something else only to those who import all names
LOOKS = ("vars", "dir", "getattr", "getmembers", "import_module", "__import__")  # what looks through a whole module
STUB = ".pyi"  # no import reads it
THROUGH = ("vars", "dir", "getmembers", "__dict__")  # those of them that need not mention a name
WIDTH = 3000  # characters of JSON on one line of stdout


def key(path: str, name: str) -> int:
    """The number of a unit, as `cd_checkout.key` has it."""
    return zlib.crc32((path + "\0" + name).encode("utf-8", "surrogatepass"))


def say(kind: str, **fields: Any) -> None:
    """One event on stdout, cut as workers need it."""
    text = json.dumps(dict({"event": kind}, **fields), ensure_ascii=True, separators=(",", ":"))
    pieces = [text]
    if len(text) > WIDTH:
        pieces = ["+" + text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        pieces[-1] = ">" + pieces[-1][1:]
    sys.stdout.write("".join(piece + "\n" for piece in pieces))


# -- the change


class Change:
    """Follows a change through the checkout."""

    def __init__(self, texts: dict[str, str], imported: set[int]) -> None:
        """``texts`` are the checkout's Python files by path."""
        self.texts, self.imported = texts, imported
        self.outlines: dict[str, Outline | None] = {}
        self.modules: dict[str, list[str]] = {}  # by dotted name, or the end of one, the files that it may mean
        for path in texts:
            parts = path[:-3].split("/")
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            for at in range(len(parts)):
                self.modules.setdefault(".".join(parts[at:]), []).append(path)
        self.units: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        self.below: dict[str, str] = {}
        self.inside: set[str] = set()  # files in which only bodies of functions and tests changed
        self.values: dict[Name, str] = {}  # variables that mean something else, each with the cause
        self.acts: dict[Name, str] = {}  # functions that an import called and that behave differently
        self.fresh: set[Name] = set()

    def unit(self, path: str, name: str, why: str, inside: tuple[str, ...] = ()) -> None:
        """It may behave differently; to those alone that ran one of these parts, if there are any."""
        before = self.units.get((path, name))
        if before is None or (before[1] and not inside):
            self.units[path, name] = (why, inside)

    def value(self, path: str, names: Iterable[str], why: str) -> None:
        """These variables of a module mean something else."""
        for name in names:
            if (path, name) not in self.values:
                self.values[path, name] = why
                self.fresh.add((path, name))

    def act(self, path: str, name: str, why: str, inside: tuple[str, ...] = ()) -> None:
        """The function behaves differently, and an import called it: so does what was made with it."""
        top = name.partition(".")[0]
        if (path, top) not in self.acts and (path, top) not in self.values and self.in_import(path, name, inside):
            self.acts[path, top] = why
            self.fresh.add((path, top))

    def in_import(self, path: str, name: str, inside: tuple[str, ...]) -> bool:
        """Whether an import ran the function; one of these parts, if it told them."""
        ran = self.imported
        if key(path, name) not in ran:
            return False
        told = inside and key(path, inside[0]) in ran and key(path, name + "#") not in ran
        return not told or any(key(path, one) in ran for one in inside[1:])

    def whole_class(self, path: str, name: str, outlines: Iterable[Outline | None], why: str) -> None:
        """A class is made in another way."""
        self.value(path, [name.partition(".")[0]], why)
        for one in outlines:
            for member in (*(one.members(name) if one else ()), *(name + "." + loose for loose in syntax.LOOSE)):
                self.unit(path, member, why)

    def file(self, path: str, before: str, after: str) -> None:
        """A Python file; one of the texts is empty if it is new or gone."""
        old, new = syntax.outline(before), syntax.outline(after)
        if old is None or new is None:
            self.unit(path, FILE, f"{path} cannot be read as Python")
            return
        self.outlines[path] = new
        if before and after and os.path.basename(path) != "conftest.py" and only_inside(old, new):
            self.inside.add(path)
        if new.unbound() - old.unbound():
            self.value(path, [STAR], f"{path} __all__ lists what is not there")
        self.functions(path, old, new, before.split("\n"))
        for name in sorted(old.classes.keys() | new.classes.keys()):
            if old.classes.get(name, ("gone",))[0] != new.classes.get(name, ("gone",))[0]:
                self.whole_class(path, name, (old, new), f"{path}::{name} is another class")
        gone = {(one.scope, one.text) for one in old.statements} - {(one.scope, one.text) for one in new.statements}
        come = {(one.scope, one.text) for one in new.statements} - {(one.scope, one.text) for one in old.statements}
        changed = [one for one in old.statements if (one.scope, one.text) in gone]
        changed += [one for one in new.statements if (one.scope, one.text) in come]
        listed = [one for one in changed if one.binds == {"__all__"}]
        if listed:  # only the names that it lists on one side
            names = listed[0].uses.attributes
            for other in listed[1:]:
                names = names ^ other.uses.attributes
            names = {STAR + name for name in names}  # who names one of them itself needs no list
            self.value(path, names | {"__all__"}, f"{path} __all__ changed")
        for one in changed:
            if one not in listed:
                self.statement(path, one, (old, new), f"{path} {told(one)} changed")

    def functions(self, path: str, old: Outline, new: Outline, source: list[str]) -> None:
        """The functions of a changed file; ``source`` are the lines of the old one."""
        none = syntax.Function()
        for name in sorted(old.functions.keys() | new.functions.keys()):
            a, b = old.functions.get(name, none), new.functions.get(name, none)
            if (a.body, a.head, a.made) == (b.body, b.head, b.made):
                continue
            why = f"{path}::{name} changed"
            inside = parts_of(name, a, b, source)
            self.unit(path, name, why, inside)
            self.act(path, name, why, inside)
            owner, _, short = name.rpartition(".")
            comes_or_goes = a is none or b is none
            if comes_or_goes and owner:
                self.whole_class(path, owner, (old, new), why)
            elif comes_or_goes or (a.made != b.made and not owner):
                self.value(path, [short], why)
            elif a.made != b.made and not (a.plain and b.plain) and not (old.is_bare(owner) and new.is_bare(owner)):
                self.whole_class(path, owner, (old, new), why)
            if os.path.basename(path) == "conftest.py" and (comes_or_goes or short.startswith("pytest_")):
                self.below.setdefault(os.path.dirname(path), why)

    def statement(self, path: str, statement: Statement, outlines: Iterable[Outline | None], why: str) -> None:
        """A statement that an import runs has another outcome."""
        for loose in syntax.LOOSE:
            self.unit(path, statement.scope + loose, why)
        if statement.scope:
            self.whole_class(path, statement.scope[:-1], outlines, why)
        else:
            self.value(path, statement.binds, why)

    def follow(self) -> None:
        """Go on until no variable is new."""
        while self.fresh:
            fresh, self.fresh = self.fresh, set()
            words = "|".join(sorted({re.escape(name) for _, name in fresh}))
            pattern = re.compile(r"\b(?:" + words + "|" + "|".join(THROUGH) + r")\b|import\s*\*")
            for path, text in self.texts.items():
                if pattern.search(text):
                    self.uses(path, fresh)

    def uses(self, path: str, fresh: set[Name]) -> None:
        """What of a file uses the variables."""
        if path not in self.outlines:
            self.outlines[path] = syntax.outline(self.texts[path])
        one = self.outlines[path]
        if one is None:
            return
        called = self.here(path, one, fresh)
        if not any(called):
            return
        names, attributes, _ = called
        for name, function in one.functions.items():
            self.function(path, name, function, called)
        for name, (_, head) in one.classes.items():
            hit = head.any(names, attributes)
            if hit:
                self.whole_class(path, name, (one,), self.cause(hit))
        for statement in one.statements:
            hit = statement.uses.any(names, attributes)
            if hit:
                self.statement(path, statement, (one,), self.cause(hit))

    def function(self, path: str, name: str, function: Function, called: tuple[dict[str, Name], ...]) -> None:
        """A function of a file that uses, perhaps, some of the variables."""
        names, attributes, fixtures = called
        owner, _, short = name.rpartition(".")
        hit = function.outside.any(names, attributes)
        if hit:
            self.unit(path, name, self.cause(hit))
            if owner:
                self.whole_class(path, owner, (self.outlines[path],), self.cause(hit))
            else:
                self.value(path, [short], self.cause(hit))
        asked = function.arguments & fixtures.keys()
        hit = function.inside.any(names, attributes) or (fixtures[min(asked)] if asked else None)
        if hit:
            if hit in self.values:
                self.unit(path, name, self.cause(hit))
            self.act(path, name, self.cause(hit))

    def here(self, path: str, one: Outline, fresh: set[Name]) -> tuple[dict[str, Name], ...]:
        """The variables as this file calls them: by name, as attributes of modules, and as fixtures."""
        names = {name: (where, name) for where, name in fresh if where == path}
        attributes: dict[str, Name] = {}
        if names:
            names["globals"] = next(iter(names.values()))
        for node in one.imports:
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                for place, name in self.meant(path, node, alias.name):
                    for origin in fresh:
                        if origin[0] != place:
                            continue
                        if not name:
                            attributes[origin[1]] = origin
                            names.update(dict.fromkeys(LOOKS, origin))
                            attributes["__dict__"] = origin
                        elif name == "*":
                            if origin[1] == STAR:  # the import itself fails
                                self.unit(path, FILE, self.cause(origin))
                            elif origin[1] != "__all__":
                                self.renamed(path, origin[1].lstrip(STAR), origin)
                        elif name == origin[1]:
                            self.renamed(path, local, origin)
        folder = os.path.dirname(path)
        fixtures = {
            name: (where, name)
            for where, name in fresh
            if where == path or (where.endswith("conftest.py") and under(folder, os.path.dirname(where)))
        }
        return names, attributes, fixtures

    def renamed(self, path: str, local: str, origin: Name) -> None:
        """A file imports the variable under this name."""
        if origin in self.values:
            self.value(path, [local], self.values[origin])
        elif (path, local) not in self.acts and (path, local) not in self.values:
            self.acts[path, local] = self.acts[origin]
            self.fresh.add((path, local))

    def meant(self, path: str, node: Any, name: str) -> list[tuple[str, str]]:
        """(file, variable) of what is imported; the variable is empty for a module as a whole."""
        if isinstance(node, ast.Import):
            whole = name.split(".")
            return [(one, "") for at in range(1, len(whole) + 1) for one in self.modules.get(".".join(whole[:at]), ())]
        module = node.module or ""
        if node.level:
            parts = path.split("/")[: -node.level]
            module = ".".join([*parts, *([module] if module else [])])
        found = [(one, name) for one in self.modules.get(module, ())]
        inner = f"{module}.{name}" if module else name
        return found + [(one, "") for one in self.modules.get(inner, ())]

    def cause(self, name: Name) -> str:
        """Why this variable means something else, or why the function that it names acts differently."""
        return self.values.get(name) or self.acts[name]


def only_inside(old: Outline, new: Outline) -> bool:
    """Whether nothing changed but bodies and defaults of functions, and tests, which a runner finds by their names."""
    if {(one.scope, one.text) for one in old.statements} != {(one.scope, one.text) for one in new.statements}:
        return False
    if {name: head for name, (head, _) in old.classes.items()} != {
        name: head for name, (head, _) in new.classes.items()
    }:
        return False
    none = syntax.Function()
    for name in old.functions.keys() | new.functions.keys():
        a, b = old.functions.get(name, none), new.functions.get(name, none)
        short = name.rpartition(".")[2]
        if short.startswith("pytest_") and (a.body, a.head) != (b.body, b.head):
            return False  # a hook acts on every test of the file
        if a.made != b.made and not (short.startswith("test") and "fixture" not in str(a.made + b.made)):
            return False
    return True


def parts_of(name: str, old: Function, new: Function, source: list[str]) -> tuple[str, ...]:
    """The units of the parts that a change of a function touches, as `syntax_parts.names`; none for all of it."""
    if (old.head, old.made) != (new.head, new.made):
        return ()
    found = parts.changed(old.nodes, new.nodes, source)
    return () if found is None else tuple(parts.names(name, *found))


def told(statement: Statement) -> str:
    """The statement for people."""
    return statement.scope + (", ".join(sorted(statement.binds)[:2]) or "a statement")


def under(folder: str, top: str) -> bool:
    """Whether the folder lies in the other one."""
    return not top or folder == top or folder.startswith(top + "/")


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
    for (path, name), (why, inside) in change.units.items():
        more = {"parts": inside} if inside else {}
        say("unit", path=path, name=name, why=why, **more)
    for path in touched:
        if path.endswith((".py", STUB)):
            say("read", path=path, inside=path in change.inside)
    for path, why in change.below.items():
        say("below", path=path, why=why)
    say("end", count=len(change.units))
    return 0


if __name__ == "__main__":
    sys.exit(main())
