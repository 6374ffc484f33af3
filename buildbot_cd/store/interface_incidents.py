# SPDX-License-Identifier: GPL-2.0-only
"""The aggregate of incidents; in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from buildbot_cd.core.incident import Incident
    from buildbot_cd.store.wanted import Wanted


class Incidents(Protocol):
    """The blameless records. Ids grow in order of opening."""

    def open(self, incident: Incident) -> tuple[Incident, bool]:
        """Write a new one, whose id and version are given here; or the one that has its key already, and False."""

    def get(self, ident: int) -> Incident | None:
        """The incident of this id."""

    def of_landing(self, landing: int) -> tuple[Incident, ...]:
        """Those of a landing, by id."""

    def find(self, wanted: Wanted) -> tuple[tuple[Incident, ...], int]:
        """The asked part of the incidents that match, by id, and how many match in all."""

    def update(self, incident: Incident) -> Incident:
        """Write it over the version it carries; gives it back with the next. Raises StaleVersion, StoreError.

        What it was opened with (key, gate, landing, cause, subject, bad, times) stays.
        """

    def overdue(self, gate: str, now: float) -> int:
        """How many have not closed although they should have."""
