# SPDX-License-Identifier: GPL-2.0-only
"""YAML to plain values, keeping the line of every key.

Scalars are read by the core schema of YAML 1.2, not by PyYAML's 1.1: `on`, `no` and `12:30` stay text, so that a branch
may be called `on`. Keys must be text and may not occur twice; anchors may be used, merge keys (`<<`) and tags not.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from buildbot_cd.config.problems import ConfigErrors, Location, Problem, dotted

MAX_CHARACTERS = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 50

Plain = Any
"""None, bool, int, float, str, list of Plain, or dict of str to Plain."""


class _Loader(yaml.SafeLoader):
    """Knows text, numbers, true, false and null, and nothing else that looks like a value."""


_Loader.yaml_implicit_resolvers = {}  # its own, before the first is added: not PyYAML's


_PREFIX = "tag:yaml.org,2002:"
_Loader.add_implicit_resolver(_PREFIX + "null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver(_PREFIX + "bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver(_PREFIX + "int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _PREFIX + "float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file that is well-formed YAML: its values, and where each stands."""

    file: str
    value: Plain
    root: yaml.Node | None

    def line(self, location: Location) -> int:
        """Return the line (from 1) of the deepest part of `location` that is in the file.

        Parts that are not there, such as a missing key, are left out: the line is then that of what surrounds them.
        """
        node, line = self.root, 1 if self.root is None else self.root.start_mark.line + 1
        for part in location:
            for key, child in _children(node):
                if key == part:
                    node, line = child, _line_of(node, part, child)
                    break
        return line

    def present(self, location: Location) -> Location:
        """Return `location` without the parts that are not in the file, except for a missing last key."""
        node, kept = self.root, list[str | int]()
        for index, part in enumerate(location):
            child = next((child for key, child in _children(node) if key == part), None)
            if child is not None:
                node = child
                kept.append(part)
            elif index == len(location) - 1 and isinstance(node, yaml.MappingNode | None) and isinstance(part, str):
                kept.append(part)
        return tuple(kept)

    def problem(self, location: Location, message: str) -> Problem:
        """Return a problem at `location`."""
        shown = self.present(location)
        return Problem(self.file, self.line(shown), dotted(shown), message)


def parse(text: str, file: str) -> Document:
    """Return the values in `text`; an empty text is an empty mapping.

    Raises:
        ConfigErrors: it is no YAML, or holds what the module's docstring rules out.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigErrors([Problem(file, 0, "", f"larger than {MAX_CHARACTERS} characters")])
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigErrors([_syntax_problem(error, text, file)]) from error
    except RecursionError as error:
        raise ConfigErrors([Problem(file, 0, "", "nested too deep to be read")]) from error
    if root is None:
        return Document(file, {}, None)
    reader = _Reader(file)
    value = reader.read(root, ())
    if reader.problems:
        raise ConfigErrors(reader.problems)
    return Document(file, value, root)


class _Reader:
    """Turns nodes into values, collecting what is not allowed."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._nodes = 0

    def read(self, node: yaml.Node, location: Location) -> Plain:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(location) > MAX_DEPTH:
            self._refuse(node, (), "too many or too deeply nested values; is an anchor used inside itself?")
            raise ConfigErrors(self.problems)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != _PREFIX + "seq":
                self._refuse(node, location, f"the tag {node.tag} is not supported")
            return [self.read(child, (*location, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Plain]:
        if node.tag != _PREFIX + "map":
            self._refuse(node, location, f"the tag {node.tag} is not supported")
        found: dict[str, Plain] = {}
        first: dict[str, int] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _PREFIX + "str":
                self._refuse(key_node, location, "a key must be text; put it in quotes")
                continue
            key = key_node.value
            if _surrogate(key):
                self._refuse(key_node, location, "a key holds half a character (a lone surrogate)")
            elif key == "<<":
                self._refuse(key_node, location, "merge keys (<<) are not supported; write the keys out")
            elif key in found:
                self._refuse(key_node, (*location, key), f"occurs twice, first in line {first[key]}")
            else:
                first[key] = key_node.start_mark.line + 1
                found[key] = self.read(child, (*location, key))
        return found

    def _scalar(self, node: yaml.Node, location: Location) -> Plain:
        kind, text = str(node.tag).removeprefix(_PREFIX), str(node.value)
        try:
            match kind:
                case "str" if not _surrogate(text):
                    return text
                case "str":
                    self._refuse(node, location, "holds half a character (a lone surrogate)")
                    return None
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text]
                case "int":
                    return int(text)
                case "float":
                    return _finite(text)
        except (ValueError, KeyError):
            self._refuse(node, location, f"'{text[:40]}' is no {kind}")
            return None
        self._refuse(node, location, f"the tag {node.tag} is not supported")
        return None

    def _refuse(self, node: yaml.Node, location: Location, message: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, dotted(location), message))


def _surrogate(text: str) -> bool:
    """Whether `text` has no form in UTF-8, and so none in a database or on a command line."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _children(node: yaml.Node | None) -> list[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(key.value, child) for key, child in node.value]
    if isinstance(node, yaml.SequenceNode):
        return list(enumerate(node.value))
    return []


def _line_of(parent: yaml.Node | None, part: str | int, child: yaml.Node) -> int:
    """The line of a key, or of a list's item; not of the value, which may begin below its key."""
    if isinstance(parent, yaml.MappingNode):
        child = next(key for key, _ in parent.value if key.value == part)
    return int(child.start_mark.line) + 1


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(file, line, "", f"a character that YAML does not allow (code {error.character:#x})")
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        return Problem(file, mark.line + 1 if mark else 0, "", f"not valid YAML: {said}")
    return Problem(file, 0, "", f"not valid YAML: {error}")
