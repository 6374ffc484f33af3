# SPDX-License-Identifier: GPL-2.0-only
"""New tests are run over and over on the landing that brings them, before they may speak against anybody's change.

One that does not pass each time is put in quarantine in its author's name: it runs and does not count, so that the
flake enters where it was made and not in a revert of somebody else's landing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.trust import Quarantine
from buildbot_cd.store.rows import HARMLESS, PlannedTest, WorkState

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Run, RunTest

KNOWN = 5
"""A test that has passed so often is not new, though nobody noted that it was stressed."""


MISSING = "missing"
"""Outcome of a test that gave no result: nothing is known of it."""


@dataclass(frozen=True, slots=True)
class StressPlan:
    """``rounds`` (0: never) of at most ``most`` new tests; a flaky one is in quarantine for ``lasts`` seconds."""

    rounds: int = 0
    most: int = 50
    lasts: float = 14 * 86400.0


def new_tests(
    tx: Tx, gate: str, landing: int | None, ran: tuple[RunTest, ...], plan: StressPlan, now: float
) -> list[PlannedTest]:
    """The tests of this passed run to be stressed: the gate has not, and has seldom seen them pass.

    The first run of all takes the suite as it is: what has been there for years is not new.
    """
    passed = {one.nid: one for one in ran if one.outcome == "passed"}
    fresh = tx.trust.unstressed(gate, passed)
    if fresh is None:
        tx.trust.note_stressed(gate, passed, landing or 0, 0, now)
        return []
    often = {nid for nid, (times, _, _) in tx.durations.get(gate, fresh).items() if times >= KNOWN}
    wanted = [nid for nid in passed if nid in fresh and nid not in often][: plan.most]
    return [PlannedTest(nid, passed[nid].estimate * plan.rounds, passed[nid].estimate) for nid in wanted]


def settled(tx: Tx, intent: Intent, run: Run, outcome: dict[str, Any], plan: StressPlan) -> dict[str, Any]:
    """The passed run's verdict, with what came of its new tests; doing it again changes nothing."""
    done = [one for one in tx.runs.tests(run.id) if one.state is WorkState.DONE and one.outcome != MISSING]
    flaky = [one.nid for one in done if one.outcome not in HARMLESS]
    landing = tx.landings.get(intent.landing or 0)
    at = run.ended_at or run.created_at
    for nid in flaky:
        tx.trust.flaked(intent.gate, nid, run.landing or 0, at)
        owner = landing.engineer if landing is not None else "unknown"
        reason = f"new with landing {run.landing}, and did not pass {plan.rounds} times in a row"
        tx.trust.quarantine(intent.gate, Quarantine(nid, owner, reason, "gate", at, at + plan.lasts))
    tx.trust.note_stressed(intent.gate, [one.nid for one in done], run.landing or 0, plan.rounds, at)
    if not done:
        return {**outcome, "reason": f"{outcome['reason']}; new tests could not be run again"}
    said = f"{len(done)} new {'test' if len(done) == 1 else 'tests'} ran {plan.rounds} times"
    if flaky:
        said += f"; flaky, in quarantine until mended: {', '.join(flaky[:3])}"
    return {**outcome, "reason": f"{outcome['reason']}; {said}"}
