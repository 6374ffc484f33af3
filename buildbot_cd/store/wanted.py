# SPDX-License-Identifier: GPL-2.0-only
"""Which landings or rollouts a reader asks for: the questions that the database answers by its indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.store.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that match all that is told; None means any.

    ``engineer``, ``head`` and ``since`` (came into its state then or later) are asked of landings, ``landing`` of
    rollouts. Ids lie between ``above`` and ``below``, both left out. ``limit`` and ``offset`` cut the ordered result.
    Who does not need the number of all matches spares the database the counting with ``counted``.
    """

    gate: str | None = None
    states: tuple[str, ...] | None = None
    engineer: str | None = None
    head: str | None = None
    since: float | None = None
    landing: int | None = None
    above: int | None = None
    below: int | None = None
    newest_first: bool = True
    limit: int = 50
    offset: int = 0
    counted: bool = True

    @property
    def equals(self) -> dict[str, Any]:
        """Column to the value that it must have."""
        texts = {"gate": self.gate, "engineer": self.engineer, "head": self.head}
        told: dict[str, Any] = {name: clean(text) for name, text in texts.items() if text is not None}
        return told if self.landing is None else {**told, "landing": self.landing}

    def takes(self, row: Any) -> bool:
        """Whether a row matches: what the SQL says, as a plain condition."""
        return (
            all(getattr(row, name) == value for name, value in self.equals.items())
            and (self.states is None or row.state in self.states)
            and (self.since is None or row.since >= self.since)
            and (self.above is None or row.id > self.above)
            and (self.below is None or row.id < self.below)
        )

    def cut(self, rows: list[Any], copy: Callable[[Any], Any]) -> tuple[tuple[Any, ...], int]:
        """The asked part of rows that are in order of their ids, and how many match in all (0: not counted)."""
        found = [row for row in rows if self.takes(row)]
        ordered = found[::-1] if self.newest_first else found
        first = max(0, self.offset)
        return tuple(copy(row) for row in ordered[first : first + max(0, self.limit)]), len(found) * self.counted


def limited(limit: int) -> int:
    """A limit that every database takes: 0 for a negative one."""
    return max(0, min(limit, 2**31))
