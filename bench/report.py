# SPDX-License-Identifier: GPL-2.0-only
"""What every benchmark gives: a table for people, and as the last line one JSON object."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """What the command line said; ``plot`` is the folder for pictures, None for none."""

    seed: int
    quick: bool
    plot: Path | None


@dataclass
class Target:
    """A figure that was promised: ``most`` (or ``least``) is the bound, ``value`` what was measured."""

    name: str
    value: float
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure keeps the promise."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON has."""
        bound = {"most": self.most} if self.most is not None else {"least": self.least}
        return {"value": round(self.value, 6), **bound, "met": self.met}


@dataclass
class Report:
    """One benchmark's outcome. A figure that falls short is printed like any other."""

    name: str
    seed: int
    ours: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every target was met."""
        return all(target.met for target in self.targets)

    def to_json(self) -> dict[str, Any]:
        """The last line's object; ``load`` is the machine's load average, since a busy machine measures itself."""
        return {
            "bench": self.name,
            "seed": self.seed,
            "load": round(os.getloadavg()[0], 2),
            "ours": self.ours,
            "peers": self.peers,
            "bound": self.bound,
            "targets": {target.name: target.to_json() for target in self.targets},
            "ok": self.ok,
        }

    def print(self) -> None:
        """The targets, each met or not, and the JSON line."""
        for target in self.targets:
            bound = f"<= {target.most:g}" if target.most is not None else f">= {target.least:g}"
            print(f"{'met   ' if target.met else 'MISSED'}  {target.name}: {target.value:.4g}  (target {bound})")
        print(json.dumps(self.to_json()))


def table(head: list[str], rows: list[list[object]]) -> None:
    """Print rows in columns: text to the left, numbers to the right."""
    texts = [head, *([_cell(one) for one in row] for row in rows)]
    widths = [max(len(row[at]) for row in texts) for at in range(len(head))]
    numbers = [bool(rows) and all(isinstance(row[at], int | float) for row in rows) for at in range(len(head))]
    for number, row in enumerate(texts):
        cells = (t.rjust(w) if right else t.ljust(w) for t, w, right in zip(row, widths, numbers, strict=True))
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
