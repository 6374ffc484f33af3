# SPDX-License-Identifier: GPL-2.0-only
"""Globs over paths, anchored at the repository's top.

``*`` and ``?`` stop at ``/``; ``**`` as a whole part stands for any number of folders, none included, and at the end
for everything below. A glob whose last part has no wildcard names a file or a whole folder: ``docs`` and ``docs/``
match ``docs/a/b.md``. Everything else is literal, ``[`` included, and upper and lower case differ. A leading ``/`` or
``./`` changes nothing. Globs and paths are composed as NFC. There is no negation: rules only ever add tests.

Globs and paths come from whoever may push, so a match must not take long whatever they are. Between two wildcards of a
kind the first place that fits is as good as any later one; atomic groups keep the expression from trying the others.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
_WILD = re.compile(r"[*?]")


def normal(glob: str) -> str:
    """The glob as NFC, without ``./`` or ``/`` before it, and with ``**`` for a trailing ``/``.

    Raises SelectionError if nothing is left of it, and for ``!``, which elsewhere takes paths away.
    """
    bare = re.sub(r"^(\./|/)+", "", unicodedata.normalize("NFC", glob))
    if not bare:
        raise SelectionError(f"the glob {glob!r} is empty; to mean every file write '**'")
    if bare.startswith("!"):
        raise SelectionError(
            f"the glob {glob!r} begins with '!', but rules only add tests and cannot take paths away; name the paths "
            "that are meant, or write '?' for a '!' in a file's name"
        )
    return bare + "**" if bare.endswith("/") else bare


@lru_cache(maxsize=65536)
def _regex(glob: str) -> re.Pattern[str]:
    """Runs of parts without ``**`` are looked for from left to right; the last one reaches to the path's end."""
    runs: list[list[str]] = [[]]
    for part in glob.split("/"):
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_part(part))
    first, *middle, last = ["/".join(run) for run in runs] if len(runs) > 1 else ["", "/".join(runs[0])]
    text = f"{first}/" if first else ""
    text += "".join(f"(?>(?:[^/]+/)*?{run}/)" for run in middle if run)
    if len(runs) > 1:
        text += "(?:[^/]+/)*" if last else ".+"
    tail = "" if _WILD.search(glob.rsplit("/", 1)[-1]) else "(?:/.+)?"
    return re.compile(text + last + tail, re.DOTALL)


def _part(part: str) -> str:
    """One part between slashes. ``a*b*c`` finds the first ``b``, and the last star alone gives way."""
    first, *rest = [re.escape(piece).replace(r"\?", "[^/]") for piece in re.split(r"\*+", part)]
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1] if piece) + "[^/]*" + rest[-1]


def matches(glob: str, path: str) -> bool:
    """Whether the glob matches the path. Raises SelectionError for an empty glob."""
    return _regex(normal(glob)).fullmatch(path) is not None


class GlobIndex(Generic[T]):
    """Many globs, each with a value, asked for many paths.

    A regular expression costs 0.1 ms to compile, so one is only made for a glob whose literal beginning and end fit a
    path: the beginning by a table over all beginnings, the end by comparison.
    """

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._by_head: dict[str, list[tuple[int, str, str, T]]] = {}
        for number, (glob, value) in enumerate(entries):
            bare, head, tail = _ends(glob)
            self._by_head.setdefault(head, []).append((number, tail, bare, value))

    def find(self, path: str) -> list[tuple[str, T]]:
        """The globs that match this path and their values, in the order in which they were given."""
        found = []
        for end in range(len(path) + 1):
            for number, tail, glob, value in self._by_head.get(path[:end], ()):
                if path.endswith(tail) and _regex(glob).fullmatch(path):
                    found.append((number, glob, value))
        return [(glob, value) for _, glob, value in sorted(found, key=lambda one: one[0])]


@lru_cache(maxsize=65536)
def _ends(given: str) -> tuple[str, str, str]:
    """The glob in its normal form, and what every match begins and ends with.

    A literal last part may be a folder: no end is sure. Kept, since the rules of a repository seldom change.
    """
    glob = normal(given)
    first = _WILD.search(glob)
    if first is None:
        return glob, glob, ""
    if not _WILD.search(glob.rsplit("/", 1)[-1]):
        return glob, glob[: first.start()], ""
    return glob, glob[: first.start()], _WILD.split(glob)[-1]
