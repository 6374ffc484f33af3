# SPDX-License-Identifier: GPL-2.0-only
"""Under which name the git server gives a revision out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildbot_cd.store.interface import Tx

RECENT = 200
"""How many landings back a synthetic candidate is looked for: ``tested`` and ``live`` are younger than that."""


def branch_of(tx: Tx, gate: str, revision: str | None, trunk: str) -> str:
    """The branch or ref that holds a revision: trunk, or the candidate's own if it was built and never was on trunk."""
    for landing in tx.landings.recent(gate, RECENT):
        if landing.candidate == revision and landing.head != revision:
            return f"refs/cd/candidate/{landing.id}-{landing.attempt}"
    return trunk
