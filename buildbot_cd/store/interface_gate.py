# SPDX-License-Identifier: GPL-2.0-only
"""The aggregates of the gate: gates, landings, slots and the outbox. Both stores implement these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from buildbot_cd.core.landing.people import Push
    from buildbot_cd.core.landing.values import Effect, Gate, Intent, Landing, Reverted, Slot, Transition
    from buildbot_cd.store.wanted import Wanted

REVERTS_KEPT = 100
"""A snapshot carries this many reverts: caps are per hour and per day, and far smaller."""

FINISHED_KEPT = 20
"""So many finished intents of the gate itself are given beside its unfinished ones."""


class Gates(Protocol):
    """One row for each trunk."""

    def get(self, name: str) -> Gate | None:
        """The gate of this name."""

    def create(self, gate: Gate) -> Gate:
        """Write a new gate, version 0. Raises StoreError if the name is taken."""

    def update(self, gate: Gate) -> Gate:
        """Write the gate over the version it carries; gives it back with the next. Raises StaleVersion, StoreError."""

    def all(self) -> tuple[Gate, ...]:
        """Every gate, by name."""


class Landings(Protocol):
    """The pushes that came to a gate. Ids grow in order of arrival."""

    def add(
        self,
        gate: str,
        base: str,
        head: str,
        engineer: str,
        subject: str,
        message: str,
        at: float,
        priority: int = 0,
        *,
        patch: str = "",
        relands: int | None = None,
        emergency: str = "",
    ) -> Landing:
        """A new QUEUED landing, with the first line of its history; the existing one if the gate had this head."""

    def get(self, ident: int) -> Landing | None:
        """The landing of this id."""

    def by_head(self, gate: str, sha: str) -> Landing | None:
        """The gate's landing that ends in this commit."""

    def open(self, gate: str) -> tuple[Landing, ...]:
        """Those that have not ended, by id."""

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Landing, ...]:
        """At most ``limit`` landings, newest first, all with ids under ``before_id`` where that is given."""

    def find(self, wanted: Wanted) -> tuple[tuple[Landing, ...], int]:
        """The asked part of the landings that match, by id, and how many match in all."""

    def update(self, landing: Landing, actor: str, reason: str, at: float) -> Landing:
        """Write the landing over the version it carries; a line of history is added if its state changed.

        What came with the push (gate, head, engineer, subject, queued_at, relands) stays as it was added; base,
        message and patch change where pushes of one engineer become one landing.
        Raises StaleVersion if the row was changed since, StoreError if there is none.
        """

    def transitions(self, ident: int) -> tuple[Transition, ...]:
        """The landing's history, oldest first; ``seq`` counts from 1."""

    def histories(self, idents: Iterable[int]) -> dict[int, tuple[Transition, ...]]:
        """The histories of these landings, each oldest first, by landing id; unknown ones are left out."""

    def taken_back(self, gate: str, patch: str, commits: Iterable[str]) -> Landing | None:
        """The newest REVERTED landing that has this patch (unless it is empty), or ends in one of these commits."""

    def reverted_since(self, gate: str, at: float) -> tuple[Reverted, ...]:
        """Times after ``at``, oldest first, at which the gate took a landing back by its own judgement, and whose.

        A withdrawal (revert kind ``withdraw``) is a person's, a ``reland`` was judged before, and a landing with a
        ``cause`` went along with another: none of these counts. At most the newest REVERTS_KEPT.
        """


class Pushes(Protocol):
    """What the git server's hook told of each push."""

    def record(self, gate: str, push: Push, at: float) -> bool:
        """Keep it; False if this head was told before: the first word stays."""

    def of_heads(self, gate: str, heads: Iterable[str]) -> tuple[Push, ...]:
        """The pushes that ended in these commits, in the order of ``heads``."""


class Slots(Protocol):
    """The two places of each gate."""

    def holders(self, gate: str) -> dict[Slot, int]:
        """Slot to landing id, of those that are held."""

    def held(self, gate: str) -> dict[Slot, tuple[int, float]]:
        """Slot to landing id and the time at which it was taken, of those that are held."""

    def take(self, gate: str, slot: Slot, landing: int, at: float) -> None:
        """Put the landing there. Raises SlotTaken if anybody, even the same landing, holds it."""

    def free(self, gate: str, slot: Slot, landing: int) -> bool:
        """Take the landing out; False if it was not there."""


class Outbox(Protocol):
    """Effects to perform after the commit. A key is never used again; False means: no such unfinished intent."""

    def put(self, gate: str, landing: int | None, effect: Effect, epoch: int, at: float) -> Intent:
        """Record the effect as PENDING; the row that has the key already stays and is given back."""

    def get(self, key: str) -> Intent | None:
        """The intent of this key."""

    def unfinished(self, gate: str | None = None) -> tuple[Intent, ...]:
        """All that are PENDING or STARTED, of one gate or of all, in order of recording."""

    def of_landings(self, ids: Iterable[int]) -> tuple[Intent, ...]:
        """All intents of these landings, finished or not, in order of recording."""

    def for_gate_level(self, gate: str) -> tuple[Intent, ...]:
        """The gate's own intents (no landing): all unfinished and the newest FINISHED_KEPT others, in that order."""

    def start(self, key: str, at: float, ref: str | None = None) -> bool:
        """It has begun; the first time of several is kept, and the last ``ref`` that is not None."""

    def set_ref(self, key: str, ref: str) -> bool:
        """Note what was started for it, such as a buildset."""

    def finish(self, key: str, result: Mapping[str, Any], at: float) -> bool:
        """Record the result (JSON); the first one stays."""

    def drop(self, key: str, at: float) -> bool:
        """It does not matter any more."""
