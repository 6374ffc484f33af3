# SPDX-License-Identifier: GPL-2.0-only
"""How far a gate's verdicts can be trusted, as a JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.history import DAY

if TYPE_CHECKING:
    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx

DAYS = 30
"""The window of the figures."""

MOST = 200
"""Flaky tests that are named; the most often flaking ones."""


def trust_view(tx: Tx, gate: str, lens: Lens) -> dict[str, Any] | None:
    """The share of wrong reverts, each flaky test's rate, the tests in quarantine; None if there is no such gate."""
    if tx.gates.get(gate) is None:
        return None
    since = lens.now - DAYS * DAY
    reverts, flakes = tx.trust.reverts(gate, since), tx.trust.flakes(gate, since)
    orders = tx.trust.quarantined(gate, lens.now)
    ends = {one.test: one.until for one in orders}
    return {
        "gate": gate,
        "days": DAYS,
        "reverts": reverts.all,
        "wrong_reverts": reverts.wrong,
        "false_revert_rate": reverts.false_rate,
        "flaky": len(flakes),
        "flakes": [{**asdict(one), "rate": one.rate, "quarantined_until": ends.get(one.test)} for one in flakes[:MOST]],
        "quarantines": [asdict(one) for one in orders],
        "now": lens.now,
    }
