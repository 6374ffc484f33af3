# SPDX-License-Identifier: GPL-2.0-only
"""What many runs together tell of a gate's tests, as JSON: each test, and what was learnt of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.dispatch import Estimate
from buildbot_cd.core.landing.history import DAY
from buildbot_cd.core.selection.budget import confidence
from buildbot_cd.engine.views.trust import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.engine.views.gates import Lens
    from buildbot_cd.store.interface import Tx

RUNS = 50
"""So many of the newest finished runs of the gate are looked at."""

YEAR = 365 * DAY
MINUTES = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12)
"""Of the confidence curve: past failures of a year, and what would have been found within so many minutes."""


def suite_view(tx: Tx, gate: str, lens: Lens) -> list[dict[str, Any]] | None:
    """One object for each test of the gate's newest plan; None if there is no such gate."""
    return None if tx.gates.get(gate) is None else list(_suite(tx, gate, lens))


def learnt_view(tx: Tx, gate: str, lens: Lens) -> dict[str, Any] | None:
    """The function map's age and the confidence curve, with the counts behind them; None if there is no such gate."""
    if tx.gates.get(gate) is None:
        return None
    suite = _suite(tx, gate, lens)
    ages = sorted(at for nid, at in tx.learnt.map_ages(gate).items() if "::" in nid)
    curve = confidence(tx.learnt.catches(gate, lens.now - YEAR), MINUTES)
    return {
        "gate": gate,
        "days": DAYS,
        "runs": len(tx.runs.recent(gate, "gate", RUNS)),
        "tests": len(suite),
        "flaky": sum(one["flakes"] > 0 for one in suite),
        "never": sum(one["selected"] == 0 for one in suite),
        "mapped": len(ages),
        "oldest": ages[0] if ages else None,
        "median": ages[len(ages) // 2] if ages else None,
        "failures": curve[0].failures,
        "curve": [{"seconds": one.seconds, "share": one.share} for one in curve],
        "now": lens.now,
    }


def _suite(tx: Tx, gate: str, lens: Lens) -> tuple[dict[str, Any], ...]:
    return lens.memory.suite.get(gate, lens.now, partial(_read, tx, gate, lens.now))


def _read(tx: Tx, gate: str, now: float) -> tuple[dict[str, Any], ...]:
    runs = tx.runs.recent(gate, "gate", RUNS)
    past, took, passed = tx.runs.past(runs), tx.durations.get(gate), tx.durations.ages(gate)
    flakes = {one.test: one for one in tx.trust.flakes(gate, now - DAYS * DAY)}
    ends = {one.test: one.until for one in tx.trust.quarantined(gate, now)}
    mapped = tx.learnt.map_ages(gate)

    def row(nid: str) -> dict[str, Any]:
        known, seen, flake = took.get(nid), past.get(nid), flakes.get(nid)
        return {
            "nid": nid,
            "seconds": Estimate.from_row(known).seconds if known else None,
            "selected": seen.runs if seen else 0,
            "failed": seen.failed if seen else 0,
            "ended_at": seen.at if seen else None,
            "passed_at": (passed[nid][0] or None) if nid in passed else None,
            "flakes": flake.flakes if flake else 0,
            "flake_rate": flake.rate if flake else 0.0,
            "mapped_at": mapped.get(nid),
            "quarantined_until": ends.get(nid),
        }

    return tuple(row(nid) for nid in sorted(_names(tx, runs) or {*took, *past}))


def _names(tx: Tx, runs: Iterable[int]) -> set[str]:
    """The tests that the newest plan knew of, chosen or left out: tests that are gone from the repository are none."""
    for ident in runs:
        run = tx.runs.get(ident)
        told = {} if run is None else run.selection
        found = {str(one[0]) for name in ("chosen", "left_out") for one in told.get(name) or ()}
        if found:
            return found
    return set()
