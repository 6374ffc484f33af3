# SPDX-License-Identifier: GPL-2.0-only
"""How the demo tells its story: lines that stay, and under them one live line that says what is going on now."""

from __future__ import annotations

import shutil
import sys
import time
from typing import IO

QUIET = 10.0
"""Where no terminal shows a live line, a line at most so often, in seconds."""


class Teller:
    """Writes to a terminal, a file or a pipe; only a terminal gets a live line."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self.out.isatty()
        self.start = time.monotonic()
        self._shown = ""
        self._last = 0.0

    @property
    def seconds(self) -> float:
        """How long the story has been going on."""
        return time.monotonic() - self.start

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self._wipe()
        self.out.write(text + "\n")
        self.out.flush()

    def title(self, text: str) -> None:
        """The beginning of a part."""
        self.say()
        self.say(f"[{self._clock()}] {text}")

    def now(self, text: str) -> None:
        """What is going on at this moment, in one line."""
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            line = f"  {self._clock()}  {text}"[:width]
            self.out.write("\r" + line.ljust(len(self._shown)))
            self.out.flush()
            self._shown = line
        elif text != self._shown and time.monotonic() - self._last >= QUIET:
            self._last = time.monotonic()
            self._shown = text
            self.out.write(f"  {self._clock()}  {text}\n")
            self.out.flush()

    def _wipe(self) -> None:
        if self.live and self._shown:
            self.out.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def _clock(self) -> str:
        minutes, seconds = divmod(int(self.seconds), 60)
        return f"{minutes}:{seconds:02}"


def columns(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table as lines; all columns but the first two to the right."""
    texts = [head, *rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [
            text.ljust(width) if at < 2 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(head), "  ".join("-" * width for width in widths), *(line(row) for row in rows)]
