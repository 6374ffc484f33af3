# SPDX-License-Identifier: GPL-2.0-only
"""New tests are run over and over on the landing that brings them, before they may speak against anybody's change.

One that does not pass each time is put in quarantine in its author's name: it runs and does not count, so that the
flake enters where it was made and not in a revert of somebody else's landing. One that failed with its own landing and
passed on another worker has shown as much already. One that failed on both is no flake but the change's own failure:
the landing is taken back, and its engineer mends the one or the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.trust import Quarantine
from buildbot_cd.engine.check_parts import STRESS
from buildbot_cd.store.rows import HARMLESS, PlannedTest, WorkState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.engine.check_parts import Parts, StressPlan
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Run

KNOWN = 5
"""A test that has passed so often is not new, though nobody noted that it was stressed."""

MISSING = "missing"
"""Outcome of a test that gave no result: nothing is known of it."""


def look(parts: Parts, tx: Tx, intent: Intent, first: Run, flaked: Collection[str], now: float) -> str | None:
    """A sentence on the new tests of the ``first`` run, in which nothing speaks against the change: empty if there are
    none, and None while they run over and over. Asking again changes nothing.

    ``flaked`` failed in it and passed on another worker. A new one of them needs no more runs: it is known to be flaky.
    """
    plan, key = parts.plan.stress, f"{intent.key}#stress"
    if not plan.rounds:
        return ""
    if tx.runs.by_key(key) is None:
        wanted, flaky = _new_tests(tx, first, flaked, plan, now)
        said = _set_aside(tx, first, flaky, "failed and then passed on another worker", plan, now)
        tx.trust.note_stressed(first.gate, flaky, first.landing or 0, 1, now)
        if not wanted:
            return said
        made = tx.runs.create(key, first.gate, first.landing, STRESS, first.revision, now)
        tx.runs.plan(made.id, wanted, {}, None, now)
    if parts.run_outcome(tx, intent, key, now) is None:
        return None
    run = tx.runs.by_key(key)
    return "" if run is None else _settled(tx, run, plan)


def _new_tests(
    tx: Tx, run: Run, flaked: Collection[str], plan: StressPlan, now: float
) -> tuple[list[PlannedTest], list[str]]:
    """The tests of this run that the gate has not stressed, and has seldom seen pass: those that passed, to be stressed
    now, and those that flaked.

    The first run of all takes the suite as it is: what has been there for years is not new.
    """
    ran = {one.nid: one for one in tx.runs.tests(run.id) if one.outcome == "passed" or one.nid in flaked}
    fresh = tx.trust.unstressed(run.gate, ran)
    if fresh is None:
        tx.trust.note_stressed(run.gate, ran, run.landing or 0, 0, now)
        return [], []
    often = {nid for nid, (times, _, _) in tx.durations.get(run.gate, fresh).items() if times >= KNOWN}
    new = [nid for nid in ran if nid in fresh and nid not in often]
    wanted = [nid for nid in new if nid not in flaked][: plan.most]
    tests = [PlannedTest(nid, ran[nid].estimate * plan.rounds, ran[nid].estimate) for nid in wanted]
    return tests, [nid for nid in new if nid in flaked]


def _settled(tx: Tx, run: Run, plan: StressPlan) -> str:
    done = [one for one in tx.runs.tests(run.id) if one.state is WorkState.DONE and one.outcome != MISSING]
    if not done:
        return "new tests could not be run again"
    flaky = [one.nid for one in done if one.outcome not in HARMLESS]
    at = run.ended_at or run.created_at
    aside = _set_aside(tx, run, flaky, f"did not pass {plan.rounds} times in a row", plan, at)
    tx.trust.note_stressed(run.gate, [one.nid for one in done], run.landing or 0, plan.rounds, at)
    said = f"{len(done)} new {'test' if len(done) == 1 else 'tests'} ran {plan.rounds} times"
    return f"{said}; {aside}" if aside else said


def _set_aside(tx: Tx, run: Run, flaky: Sequence[str], why: str, plan: StressPlan, at: float) -> str:
    """Quarantine in the name of the landing's engineer; the sentence that says so."""
    landing = tx.landings.get(run.landing or 0)
    owner = landing.engineer if landing is not None else "unknown"
    for nid in flaky:
        tx.trust.flaked(run.gate, nid, run.landing or 0, at)
        reason = f"new with landing {run.landing}, and {why}"
        tx.trust.quarantine(run.gate, Quarantine(nid, owner, reason, "gate", at, at + plan.lasts))
    return f"flaky, in quarantine until mended: {', '.join(flaky[:3])}" if flaky else ""
