# SPDX-License-Identifier: GPL-2.0-only
"""The name that was probably meant."""

from __future__ import annotations

import bisect
import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MANY = 500
"""Comparing takes some 50 µs a name; of more names than so many only those that begin alike are looked at."""

_LONG = 200
"""A longer name is no slip of the pen; comparing it would take time in proportion."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, or None if none is like it."""
    if len(name) > _LONG:
        return None
    names = sorted(known)
    folded = {one.casefold(): one for one in names}
    if name.casefold() in folded:
        return folded[name.casefold()]
    if len(names) > _MANY:
        names = _alike(name, names)
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else None


def _alike(name: str, names: list[str]) -> list[str]:
    """At most `_MANY` names, those with the longest common beginning: in sorted order they stand around the name."""
    at = bisect.bisect_left(names, name)
    return names[max(at - _MANY // 2, 0) : at + _MANY // 2]
