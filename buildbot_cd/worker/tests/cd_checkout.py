# SPDX-License-Identifier: GPL-2.0-only
"""What the function map is told in: units of the files of a checkout, as numbers.

This file is sent to a worker under this name, and lies beside the programs that use it. Python 3.8 or later.
"""

from __future__ import annotations

import base64
import os
import struct
import sys
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE, MODULE, BLIND = "<file>", "<module>", "<blind>"
HIDDEN = (".git/", ".pytest_cache/", ".hypothesis/", ".tox/", ".venv/")


def key(path: str, name: str) -> int:
    """The number of a unit."""
    return zlib.crc32((path + "\0" + name).encode("utf-8", "surrogatepass"))


def packed(keys: Iterable[int]) -> str:
    """Keys in order, four bytes each, as base64."""
    ordered = sorted(set(keys))
    return base64.b64encode(struct.pack("<%dI" % len(ordered), *ordered)).decode("ascii")  # noqa: UP031


def unit(qualname: str) -> str:
    """The unit that a function of this qualified name belongs to."""
    return qualname.partition(".<locals>")[0]


class Files:
    """Paths below the top of the checkout, POSIX and relative."""

    def __init__(self, top: str) -> None:
        self.tops = tuple({os.path.join(one, "") for one in (top, os.path.realpath(top))})
        self.inside = tuple({os.path.join(os.path.realpath(one), "") for one in (sys.prefix, sys.base_prefix)})
        self.known: dict[str, str | None] = {}

    def path(self, name: str) -> str | None:
        """The path of a file of the checkout, None for any other file; an environment below the top is none of it."""
        if name not in self.known:
            self.known[name] = self.found(name)
        return self.known[name]

    def found(self, name: str) -> str | None:
        """Look."""
        if name.startswith("<"):
            return None
        for whole in (os.path.abspath(name), os.path.realpath(name)):
            for top in self.tops:
                if whole.startswith(top):
                    path = whole[len(top) :].replace(os.sep, "/")
                    foreign = whole.startswith(self.inside) or "/site-packages/" in "/" + path
                    return None if foreign or path.startswith(HIDDEN) or not path else path
        return None
