# SPDX-License-Identifier: GPL-2.0-only
"""What whoever pushes reads on the terminal. Names, subjects and reasons are data: one line, nothing but text."""

from __future__ import annotations

import time


def plain(text: object, limit: int = 300) -> str:
    """On one line, with what a terminal would obey replaced."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    flat = flat.encode("utf-8", "replace").decode()
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


def span(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3 h."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def between(early: float, late: float) -> str:
    """A range of durations."""
    first, last = span(early), span(late)
    return first if first == last else f"{first} to {last}"


def clock(moment: float) -> str:
    """A moment, by the clock of this machine."""
    return time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(moment))
