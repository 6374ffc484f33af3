# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong with a configuration file, as data: all of it at once, each with its place."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Location = tuple[str | int, ...]
"""The way from the top of a document to a node: keys of mappings and indexes of lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `line` counts from 1; 0 stands for the file as a whole. `key` is the dotted path, as in `rollout[1].hosts`, and
    empty for the top of the document.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return _printable(": ".join(part for part in (place, self.key, self.message) if part))


class ConfigErrors(ConfigError):
    """A configuration file cannot be used as written; `problems` holds everything that is wrong, in order of lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _printable(text: str) -> str:
    """A key from somebody's commit may hold anything; on a terminal and in a log it shall do nothing."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def dotted(location: Location) -> str:
    """Return a location as people write it: `("rollout", 1, "hosts")` is `rollout[1].hosts`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was most probably meant to be, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what to put behind an "unknown ..." message: the nearest name, or all of them, or nothing."""
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f", did you mean '{near}'?"
    return f"; known: {', '.join(names)}" if names else ""
