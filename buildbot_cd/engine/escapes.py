# SPDX-License-Identifier: GPL-2.0-only
"""From a test that failed on trunk to the landing that broke it: the search, moved along by looking at rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from buildbot_cd.core.backstop import Ask, Ended, Limits, Probe, Why, next_step
from buildbot_cd.core.landing.moves import notice
from buildbot_cd.core.landing.values import State
from buildbot_cd.core.selection import reckoned, suspicion, units_of
from buildbot_cd.core.selection.cofailure import failed_with
from buildbot_cd.engine.backstop_runs import EXPLAINER, begin_these, build
from buildbot_cd.store.rows import BLOCKED, HARMLESS, Escape, EscapeState, PlannedTest, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.landing.values import Gate, Landing
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Run, RunTest

ON_TRUNK = frozenset({State.PASSED, State.DEPLOYING, State.LIVE, State.BYPASSED})
"""States of landings that are part of what was tested."""

FAR = 64
"""So many landings back a culprit is looked for, if the test was never seen to pass."""

KNOWN = 20
"""So many escapes back a culprit is suspected of the next failure too,"""

SUSPECTED = 20.0
"""and so many times more than any other landing."""

PRIOR = "prior"
"""Under this name an escape tells how much each of its suspects was suspected at first."""

READ = 24
"""So many landings' selections are read for that: one may be megabytes."""

LOST = 6
"""So many probes may end without an answer."""

MENDED_BY = frozenset({EscapeState.FOUND, EscapeState.OLDER, EscapeState.UNDECIDED})
"""Ends after which a test's further failures are no news, until it has passed again."""


@dataclass(frozen=True, slots=True)
class Search:
    """What all searches of a gate have in common."""

    limits: Limits
    pool: tuple[str, ...]
    trunk: str


def escaped(tx: Tx, gate: Gate, run: Run, now: float) -> list[Escape]:
    """The escapes that a run of the backstop found; a failure that is known already is none."""
    if tx.runs.get(run.id) is None or run.error:
        return []
    failed = [one for one in tx.runs.tests(run.id) if one.outcome not in (*HARMLESS, BLOCKED, "missing", None)]
    muted = {one.test for one in tx.trust.quarantined(gate.name, now)}
    ages = tx.durations.ages(gate.name) if failed else {}
    fresh = [one for one in failed if one.nid not in muted and _is_news(tx, gate, one.nid, ages)]
    return [_open(tx, gate, run, one, ages.get(one.nid, (0.0, ""))[1], now) for one in fresh]


def _is_news(tx: Tx, gate: Gate, nid: str, ages: dict[str, tuple[float, str]]) -> bool:
    last = tx.escapes.of_test(gate.name, nid)
    if last is None or last.state is EscapeState.FLAKY:
        return True
    return last.state in MENDED_BY and ages.get(nid, (0.0, ""))[0] > last.found_at


def _open(tx: Tx, gate: Gate, run: Run, test: RunTest, good: str, now: float) -> Escape:
    base, suspects = _suspects(tx, gate, run.revision, good)
    made = tx.escapes.add(gate.name, test.nid, run.id, now, base, [one.id for one in suspects])
    if suspects:
        return tx.escapes.update(replace(made, told={PRIOR: _prior(tx, gate, test.nid, suspects, now)}))
    why = "it passed on the same commit before" if good == run.revision else "no landing is known to the gate"
    return tx.escapes.update(replace(made, state=EscapeState.FLAKY, reason=why, ended_at=now))


def _suspects(tx: Tx, gate: Gate, bad: str, good: str) -> tuple[str, list[Landing]]:
    """The landings behind the last known good commit, up to the bad one, oldest first, and the commit before them."""
    known = [one for one in reversed(tx.landings.recent(gate.name, 4 * FAR)) if one.state in ON_TRUNK]
    at = {revision_of(one): number for number, one in enumerate(known)}
    end = at.get(bad, len(known) - 1) + 1
    start = at[good] + 1 if good in at else 0 if good and good != bad else max(end - FAR, 0)
    suspects = known[max(start, end - FAR) : end]
    if good == bad or not suspects:
        return bad, []
    before = known.index(suspects[0])
    return (revision_of(known[before - 1]) if before else suspects[0].base), suspects


def _prior(tx: Tx, gate: Gate, nid: str, suspects: Sequence[Landing], now: float) -> list[float]:
    """How much each landing is suspected before anything ran; those before the last `READ` like the middle of them."""
    entry, path = tx.learnt.entry(gate.name, nid), nid.partition(":")[2].partition("::")[0]
    units = units_of(entry.units if entry is not None else None)
    found = []
    for landing in suspects[-READ:]:
        run = next((one for one in tx.runs.for_landing(landing.id) if one.kind == "gate"), None)
        selection = run.selection if run is not None else {}
        files = [str(one) for one in selection.get("files") or ()]
        failed = failed_with(tx.learnt.history(gate.name, files), now).get(nid)
        found.append(round(suspicion(path, units, files, failed, reckoned(selection, nid)), 4))
    return [median(found)] * (len(suspects) - len(found)) + found


def revision_of(landing: Landing) -> str:
    """The commit at which trunk, with this landing as its last one, was tested."""
    return landing.candidate or landing.head


def move(tx: Tx, gate: Gate, escape: Escape, search: Search, now: float) -> Escape | None:
    """Do what the escape needs next; the changed one, None if it has to wait."""
    if escape.state is EscapeState.EXPLAINING:
        part = tx.outbox.get(f"{gate.name}/escape/{escape.id}#explain")
        if part is not None and part.result is None:
            return None
        why = "what would have told could not be looked up: see the cd-explain build"
        return tx.escapes.update(replace(escape, state=EscapeState.FOUND, reason=why, ended_at=now))
    probes = tuple((place, run, word or _word(tx, run)) for place, run, word in escape.probes)
    seen = replace(escape, probes=probes)
    if any(word is None for _, _, word in probes):
        return tx.escapes.update(seen) if probes != escape.probes else None
    return _step(tx, gate, seen, search, now)


def _word(tx: Tx, ident: int) -> str | None:
    """What a probe's run said. A test that is not there cannot have been broken there."""
    run = tx.runs.get(ident)
    if run is None or run.error:
        return "lost"
    if run.state is not RunState.DONE:
        return None
    (test,) = tx.runs.tests(ident)
    if test.outcome in (*HARMLESS, "missing"):
        return "passed"
    return "lost" if test.outcome in (BLOCKED, None) else "failed"


def _step(tx: Tx, gate: Gate, escape: Escape, search: Search, now: float) -> Escape:
    if sum(word == "lost" for _, _, word in escape.probes) > LOST:
        why = "too many probes ended without an answer: see their builds"
        return tx.escapes.update(replace(escape, state=EscapeState.UNDECIDED, reason=why, ended_at=now))
    told = [Probe(place, word == "failed") for place, _, word in escape.probes if word != "lost"]
    blamed = {one.culprit for one in tx.escapes.recent(gate.name, KNOWN) if one.culprit is not None}
    prior = escape.told.get(PRIOR) or [1.0] * len(escape.suspects)
    weights = [
        float(weight) * (SUSPECTED if one in blamed else 1.0)
        for one, weight in zip(escape.suspects, prior, strict=True)
    ]
    step = next_step(weights, told, search.limits, len(search.pool))
    if isinstance(step, Ask):
        fresh = tuple((place, _probe(tx, gate, escape, place, search, now), None) for place in step.positions)
        return tx.escapes.update(replace(escape, probes=(*escape.probes, *fresh)))
    return _end(tx, gate, escape, step, search, now)


def _probe(tx: Tx, gate: Gate, escape: Escape, place: int, search: Search, now: float) -> int:
    """Begin one run of the test at this position; at the end of the suspects on another worker than it failed on."""
    at_end = place == len(escape.suspects)
    first = next((one for one in tx.runs.tests(escape.run) if one.nid == escape.test), None)
    avoid = first.worker if first is not None and at_end and len(search.pool) > 1 else None
    estimate = first.estimate if first is not None else 1.0
    test = PlannedTest(escape.test, estimate, estimate, avoid_worker=avoid)
    revision = escape.base if place == 0 else _revision(tx, escape.suspects[place - 1])
    why = f"looks for what broke it, escape {escape.id}"
    return begin_these(tx, gate, "bisect", revision, [test], why, now).id


def _revision(tx: Tx, landing: int) -> str:
    found = tx.landings.get(landing)
    return "" if found is None else revision_of(found)


def _end(tx: Tx, gate: Gate, escape: Escape, found: Ended, search: Search, now: float) -> Escape:
    culprit = None if found.culprit is None else escape.suspects[found.culprit - 1]
    known = replace(escape, probability=found.probability)
    if found.why is Why.CULPRIT:
        key, revision = f"{gate.name}/escape/{escape.id}#explain", gate.tested or ""
        build(tx, gate, key, EXPLAINER, revision, search.trunk, {"cd_escape": escape.id}, now)
        return tx.escapes.update(replace(known, state=EscapeState.EXPLAINING, culprit=culprit))
    if found.why is Why.FLAKY:
        tx.trust.flaked(gate.name, escape.test, escape.suspects[-1], now)
    state, reason = _ENDS[found.why]
    return tx.escapes.update(replace(known, state=state, reason=reason, culprit=culprit, ended_at=now))


_ENDS = {
    Why.FLAKY: (EscapeState.FLAKY, "it passed when it ran again on the same commit"),
    Why.OLDER: (EscapeState.OLDER, "it fails on every commit since it was last seen to pass: its surroundings changed"),
    Why.UNDECIDED: (EscapeState.UNDECIDED, "its answers contradict each other too often"),
}


def told_of(tx: Tx, gate: Gate, escape: Escape, now: float) -> None:
    """People hear of the landing by which a failure got past the gate, and of what would have stopped it; once."""
    landing = None if escape.culprit is None else tx.landings.get(escape.culprit)
    if landing is None:
        return
    offer = f" A rule is proposed: `buildbot-cd escapes {escape.id} --patch`." if escape.told.get("patch") else ""
    reason = f"{escape.test} fails on trunk since then, and the gate did not see it: {escape.reason}.{offer}"
    owner, effect = notice(landing, "escaped", reason=reason, failing=[escape.test])
    tx.outbox.put(gate.name, owner, replace(effect, key=f"{effect.key}/{escape.id}"), gate.epoch, now)
