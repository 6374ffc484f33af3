# SPDX-License-Identifier: GPL-2.0-only
"""What commit messages say of tests: ``Tags: cart, tax``, ``Tests: +tests/test_a.py::test_b``, ``Run-All: yes``."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from buildbot_cd.core.selection.values import Declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_NO = ("no", "false", "off", "0")


def declared(messages: Iterable[str]) -> Declared:
    """The trailers of all messages together, in order of appearance, each name once.

    As in git, trailers are lines ``Key: value`` in the last paragraph of a message, but not in its first one (that is
    the subject); a line that begins with a blank goes on with the one before. Keys in any case. ``Run-All`` holds if it
    does not say no: what cannot be read runs more tests, not fewer.
    """
    tags: list[str] = []
    tests: list[str] = []
    run_all = False
    for message in messages:
        for key, value in _trailers(message):
            if key == "tags":
                tags += split_tags(value)
            elif key == "tests":
                tests += _split_tests(value)
            elif key == "run-all":
                run_all = run_all or value.strip().lower() not in _NO
    return Declared(tuple(dict.fromkeys(tags)), tuple(dict.fromkeys(tests)), run_all)


def split_tags(text: str) -> list[str]:
    """The names in ``a, b c``, composed as NFC."""
    return [name for name in re.split(r"[,\s]+", unicodedata.normalize("NFC", text)) if name]


def _split_tests(text: str) -> list[str]:
    """The ids in ``+a, +b``: a comma or blank inside of an id, as in ``test_x[1, 2]``, is not followed by a plus."""
    parts = re.split(r"(?:^|(?<=[,\s]))\+", unicodedata.normalize("NFC", text))
    return [name for part in parts if (name := part.strip().strip(",").strip())]


def _trailers(message: str) -> Iterator[tuple[str, str]]:
    paragraphs = re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip())
    if len(paragraphs) < 2:
        return
    found: list[tuple[str, list[str]]] = []
    for line in paragraphs[-1].split("\n"):
        match = _LINE.fullmatch(line)
        if match:
            found.append((match[1].lower(), [match[2]]))
        elif found and line[:1] in {" ", "\t"}:
            found[-1][1].append(line.strip())
    yield from ((key, " ".join(pieces)) for key, pieces in found)
