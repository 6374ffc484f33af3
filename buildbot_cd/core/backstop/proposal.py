# SPDX-License-Identifier: GPL-2.0-only
"""What would have caught an escape: a rule for the repository's file, offered as a patch and never pushed."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FEW = 3
"""So many changed files are named one by one; more by their common folder."""

_PLAIN = re.compile(r"[A-Za-z0-9_./*-]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """``tag`` should have been declared, empty if the test carries none; ``rule`` is the new line, ``patch`` a diff.

    ``patch`` is empty where the file is written in a way that no line can be added to.
    """

    tag: str
    globs: tuple[str, ...]
    rule: str
    patch: str


def propose(
    test: str, tags: Collection[str], declared: Collection[str], files: Sequence[str], text: str, name: str
) -> Proposal | None:
    """The rule by which a change of these files would have run the test; None if no file but tests was changed.

    ``text`` is what the repository's file says today, ``name`` what it is called. A test without tags cannot be asked
    for by one: it is told to read the files as data.
    """
    path = test.partition(":")[2].partition("::")[0]
    globs = _globs([one for one in files if one not in (path, name)])
    if not globs:
        return None
    missing = [tag for tag in sorted(tags) if tag not in declared]
    listed = ", ".join(_quoted(one) for one in globs)
    if missing:
        rule = f"- {{paths: [{listed}], tags: [{_quoted(missing[0])}]}}"
        new = _added(text, ("rules",), rule)
    else:
        rule = f"- {{glob: {_quoted(path)}, data: [{listed}]}}"
        new = _added(text, ("tests", "files"), rule)
    return Proposal(missing[0] if missing else "", globs, rule, "" if new is None else _diff(text, new, name))


def _globs(files: Sequence[str]) -> tuple[str, ...]:
    """The files, or their folders if there are many; what has a meaning in globs is left to match any character."""
    found = list(dict.fromkeys(files))
    if len(found) > FEW:
        found = list(dict.fromkeys(f"{one.rpartition('/')[0]}/**" if "/" in one else one for one in found))
    return tuple(re.sub(r"[\[\]{}?\\\x00-\x1f\x7f]", "?", one) for one in found)


def _quoted(text: str) -> str:
    """A YAML scalar; what is not plainly one is put into quotes, in which nothing but these two means anything."""
    if _PLAIN.fullmatch(text) and not text.startswith(("-", "*")):
        return text
    inner = "".join(one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08x}" for one in text)
    return f'"{inner}"'


def _added(text: str, place: tuple[str, ...], item: str) -> str | None:
    """The file with one more item at the head of the list there; None if the list is not written in lines."""
    lines = text.splitlines()
    at, indent, missing = -1, "", list(place)
    while missing:
        found = _key(lines, at, indent, missing[0])
        if found is None:
            break
        if re.fullmatch(r"\s*[\w]+:\s*(#.*)?", lines[found]) is None:
            return None
        at, indent = found, indent + "  "
        missing.pop(0)
    fresh = [f"{'  ' * (len(place) - len(missing) + depth)}{key}:" for depth, key in enumerate(missing)]
    first = next((one for one in lines[at + 1 :] if one.strip() and not one.lstrip().startswith("#")), "")
    dash = re.match(r"(\s*)- ", first) if not missing else None
    lead = dash[1] if dash else "  " * len(place)
    spot = at + 1 if at >= 0 else len(lines)
    return "\n".join([*lines[:spot], *fresh, lead + item, *lines[spot:]]) + "\n"


def _key(lines: Sequence[str], after: int, indent: str, key: str) -> int | None:
    """The line of the key in the mapping that begins behind the line ``after``."""
    for number in range(after + 1, len(lines)):
        line = lines[number]
        if line.startswith(f"{indent}{key}:"):
            return number
        if indent and line.strip() and not line.startswith((indent, "#")):
            return None
    return None


def _diff(old: str, new: str, name: str) -> str:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, f"a/{name}" if before else "/dev/null", f"b/{name}")
    return "".join(one if one.endswith("\n") else f"{one}\n\\ No newline at end of file\n" for one in lines)
