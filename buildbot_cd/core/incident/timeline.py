# SPDX-License-Identifier: GPL-2.0-only
"""What happened, in order, out of what was recorded while it happened; without people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SOMEBODY = "a person"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened at a moment; ``kind`` is transition, verdict, run or incident."""

    at: float
    kind: str
    what: str
    text: str = ""


def timeline(lines: Iterable[Line], people: Iterable[str]) -> tuple[Line, ...]:
    """The lines in order of time, with these people's names taken out of their texts; equal ones once."""
    names = frozenset(people)
    told = sorted(lines, key=lambda one: one.at)
    clean = (Line(one.at, one.kind, one.what, without_people(one.text, names)) for one in told)
    return tuple(dict.fromkeys(clean))


def without_people(text: str, people: Iterable[str]) -> str:
    """The text with each name or address replaced; whole words only, in any case of letters."""
    names = sorted({one for one in people if one.strip()}, key=len, reverse=True)
    if not names:
        return text
    either = "|".join(re.escape(one) for one in names)
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", SOMEBODY, text, flags=re.IGNORECASE)
