# SPDX-License-Identifier: GPL-2.0-only
"""The aggregate of escapes, in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.store.rows import Escape


class Escapes(Protocol):
    """Failures that the gate missed."""

    def add(self, gate: str, test: str, run: int, at: float, base: str, suspects: Sequence[int]) -> Escape:
        """A new one, SEARCHING."""

    def get(self, ident: int) -> Escape | None:
        """The escape of this id."""

    def of_test(self, gate: str, test: str) -> Escape | None:
        """The test's newest."""

    def open(self, gate: str) -> tuple[Escape, ...]:
        """Those that are SEARCHING or EXPLAINING, oldest first."""

    def recent(self, gate: str, limit: int) -> tuple[Escape, ...]:
        """At most ``limit``, newest first."""

    def update(self, escape: Escape) -> Escape:
        """Write state, probes, culprit, probability, told, reason and ended_at over the version that it carries.

        Gives it with the next version. Raises StaleVersion if the row was changed since, StoreError if there is none.
        """
