# SPDX-License-Identifier: GPL-2.0-only
"""Times, names and tables as people read them on a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

GAP, INDENT, NARROWEST = 2, 4, 8
"""Characters between two columns, before what stands below its row, and in the narrowest column that is cut."""

UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def span(seconds: float) -> str:
    """A duration in at most two units: ``8m 20s``, ``2h``, ``0s``."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for name, size in UNITS:
        count, left = divmod(left, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count}{name}")
        if parts and (len(parts) == 2 or not count):
            break
    return " ".join(parts)


def ago(at: float | None, now: float | None = None) -> str:
    """How long a moment is gone."""
    return "" if at is None else span((time.time() if now is None else now) - at)


def ahead(moments: Sequence[float] | None, now: float | None = None) -> str:
    """A range of moments as a range of durations from now; empty if nobody can know."""
    if not moments:
        return ""
    here = time.time() if now is None else now
    first, last = (span(at - here) for at in (moments[0], moments[-1]))
    return first if first == last else f"{first} to {last}"


def clock(at: float) -> str:
    """A moment in local time, with its zone."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def moment(text: str, now: float | None = None) -> float:
    """``2h``, ``30m`` (from now), ``18:00`` (the next one), or ``2026-01-31T18:00``; ValueError says what it takes."""
    here = time.time() if now is None else now
    units = dict(UNITS)
    if text[-1:] in units and text[:-1].isdigit():
        return here + int(text[:-1]) * units[text[-1]]
    try:
        if len(text) == 5 and text[2] == ":":
            hour, minute = int(text[:2]), int(text[3:])
            found = datetime.fromtimestamp(here).astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)
            return (found if found.timestamp() > here else found + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is no moment: write 2h, 18:00 or 2026-01-31T18:00") from None


def plain(text: object) -> str:
    """A text from a commit or a host on one line of a terminal: what is not printable is escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(text))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns, laid out for the terminal if it is one."""
    texts = [list(head), *([plain("" if cell is None else cell) for cell in row] for row in rows)]
    print("\n".join(columns(texts, shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000)))


def columns(texts: Sequence[Sequence[str]], room: int) -> list[str]:
    """The rows' lines. Where they do not fit, the last column stands whole below its row, and wide ones are cut."""
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))]
    if sum(widths) + GAP * (len(widths) - 1) <= room:
        return [_line(row, widths) for row in texts]
    *widths, _ = widths
    while sum(widths) + GAP * (len(widths) - 1) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for *row, last in texts:
        lines.append(_line([_cut(text, width) for text, width in zip(row, widths, strict=True)], widths))
        below = textwrap.wrap(last, max(room - INDENT, NARROWEST), break_on_hyphens=False)
        lines += [" " * INDENT + one for one in below]
    return lines


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * GAP).join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
