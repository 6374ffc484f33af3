# SPDX-License-Identifier: GPL-2.0-only
"""The request: one JSON object. Every value is checked before git is started."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_IDENTITY = re.compile(r"\s*([^<>\n\0]*[^<>\s\0][^<>\n\0]*?)\s*<([^<>\s\0]+)>\s*")
_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


class BadRequest(GitError):
    """The request cannot be done as it is written; the text names the key."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose name a commit carries."""

    name: str
    mail: str


@dataclass(frozen=True, slots=True)
class Range:
    """A landing: the commits after ``base`` up to ``head``; ``base`` None means from the beginning of history."""

    id: int | str
    base: str | None
    head: str


class Fields:
    """Typed access to the keys of the request. Every method raises BadRequest that names the key."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values, self._where = values, where

    def _bad(self, name: str, wanted: str) -> BadRequest:
        return BadRequest(f"request: {self._where}{name} must be {wanted}, not {self._values.get(name)!r:.80}")

    def text(self, name: str, default: str | None = None) -> str:
        """A text; needed if there is no default."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._bad(name, "a text")
        return value

    def plain(self, name: str, default: str | None = None) -> str:
        """A text of one line that is not empty."""
        value = self.text(name, default)
        encodes = value.encode("utf-8", "replace").decode() == value
        if not value.strip() or not encodes or any(mark in value for mark in "\n\r\0"):
            raise self._bad(name, "a text of one line")
        return value

    def number(self, name: str, default: float | None = None, least: float = 0) -> float:
        """A number that is at least ``least``."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e12:
            raise self._bad(name, f"a number from {least:g} on")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false if not given."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def sha(self, name: str) -> str:
        """A full object name."""
        value = self.maybe_sha(name)
        if value is None:
            raise self._bad(name, "a full sha")
        return value

    def maybe_sha(self, name: str) -> str | None:
        """A full object name; None for null, an empty text, or git's all-zero name of nothing."""
        value = self._values.get(name)
        if value is None or value == "" or (isinstance(value, str) and set(value) == {"0"}):
            return None
        if not isinstance(value, str) or not _SHA.fullmatch(value):
            raise self._bad(name, "a full sha or null")
        return value

    def id(self, name: str) -> int | str:
        """A number or a short word that may stand in a ref's name."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | str) or not _ID.fullmatch(str(value)):
            raise self._bad(name, "a number, or a word of letters, digits, _ and -")
        return value

    def identity(self, name: str) -> Identity:
        """``Name <mail>``."""
        found = _IDENTITY.fullmatch(self.text(name))
        if found is None:
            raise self._bad(name, "of the form Name <mail>")
        return Identity(found[1], found[2])

    def ranges(self, name: str) -> tuple[Range, ...]:
        """A list of objects with id, base and head."""
        return tuple(Range(one.id("id"), one.maybe_sha("base"), one.sha("head")) for one in self._objects(name))

    def trailers(self, name: str) -> tuple[tuple[str, str], ...]:
        """A list of [key, value]; keys of letters, digits and dashes."""
        value = self._values.get(name, [])
        good = isinstance(value, list) and all(
            isinstance(one, list | tuple)
            and len(one) == 2
            and all(isinstance(part, str) for part in one)
            and _TRAILER.fullmatch(one[0])
            for one in value
        )
        if not good:
            raise self._bad(name, "a list of [key, value]")
        return tuple((key, text) for key, text in value)

    def _objects(self, name: str) -> list[Fields]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._bad(name, "a list of objects")
        return [Fields(one, f"{self._where}{name}[{place}].") for place, one in enumerate(value)]


def parse(text: str) -> Fields:
    """The request's keys. Raises BadRequest if the text is not one JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"request: one JSON object on stdin is needed: {error}") from error
    if not isinstance(value, dict):
        raise BadRequest(f"request: one JSON object on stdin is needed, not {type(value).__name__}")
    return Fields(value)
