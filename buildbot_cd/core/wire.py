# SPDX-License-Identifier: GPL-2.0-only
"""JSON objects as short lines, for a pipe that cuts long ones.

A Buildbot worker breaks lines of more than 4096 characters, and loses some of them. An object whose JSON is
longer than `WIDTH` therefore travels in pieces: ``+`` before every piece but the last, ``>`` before the last one.
"""

from __future__ import annotations

import json
from typing import Any

WIDTH = 3000
"""Characters of JSON on one line; well under what workers cut at."""


def lines(value: object) -> list[str]:
    """The object as lines without newline characters, each of ASCII only and at most ``WIDTH + 1`` long."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    if len(text) <= WIDTH:
        return [text]
    pieces = [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]
    return [*("+" + piece for piece in pieces[:-1]), ">" + pieces[-1]]


class Joiner:
    """Puts lines together to objects again; lines that are no part of one are ignored."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, line: str) -> dict[str, Any] | None:
        """The object that this line completes, or None."""
        if line.startswith("+"):
            self._pieces.append(line[1:])
            return None
        if line.startswith(">"):
            text, self._pieces = "".join([*self._pieces, line[1:]]), []
            return _object(text)
        return _object(line) if line.startswith("{") else None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def spread(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that one stands for: a ``passed`` one for the results of many tests of a file, any other for itself.

    What does not have the form is left out.
    """
    if event.get("event") != "passed":
        return [event]
    file, tests = str(event.get("file") or ""), event.get("tests")
    pairs = [one for one in tests if isinstance(one, list) and len(one) == 2] if isinstance(tests, list) else []
    same = {"event": "result", "outcome": "passed", "text": ""}
    return [{**same, "nid": f"{file}::{name}", "seconds": seconds} for name, seconds in pairs]
