# SPDX-License-Identifier: GPL-2.0-only
"""The checks of a candidate: the sharded test run and stock builders, and the second look at what failed.

A check run is made of parts, each one buildset with its own row in the outbox; this module only looks at rows, so it
can be asked at any moment, by any master, any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SUCCESS, WARNINGS

from buildbot_cd.core.landing.values import Effect, EffectKind, Intent, IntentState
from buildbot_cd.core.landing.verdict import ABSENT, FAILED, PASSED, UNKNOWN
from buildbot_cd.core.selection import MissingTag
from buildbot_cd.engine import plans, proofs, stress
from buildbot_cd.engine.refs import branch_of
from buildbot_cd.engine.stress import STRESS, StressPlan
from buildbot_cd.store.rows import BLOCKED, HARMLESS, PlannedTest, RunState, WorkState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import Run, RunTest

BUILDER = "builder:"
"""Prefix that makes a stock builder's failure a named one, as a test's id is."""

GENERATIONS = 3
"""How often the shards of a run are started anew when they ended before its tests did."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What must pass: the pool of test workers (empty: no sharded run) and the names of stock builders; and how often
    new tests are run.
    """

    pool: tuple[str, ...]
    builders: tuple[str, ...]
    trunk: str
    stress: StressPlan = field(default_factory=StressPlan)


class Checks:
    """Moves check runs along; see the module."""

    def __init__(
        self, store: Store, plan: CheckPlan, answer: Callable[[str, Mapping[str, Any]], Awaitable[bool]]
    ) -> None:
        self.store, self.plan, self.answer = store, plan, answer

    async def advance(self, intent: Intent, now: float) -> bool:
        """Do what the run needs next; True if its verdict was given."""
        looks: dict[EffectKind, Callable[[Tx, Intent, float], dict[str, Any] | None]] = {
            EffectKind.CHECKS: self._first_look,
            EffectKind.PROOF: partial(proofs.look, self),
        }
        work = looks.get(intent.kind, self._second_look)
        result = await self.store.transact(lambda tx: work(tx, intent, now))
        return result is not None and await self.answer(intent.key, result)

    # -- the first look: everything that was selected, and every stock builder

    def _first_look(self, tx: Tx, intent: Intent, now: float) -> dict[str, Any] | None:
        parts = _parts(tx, intent)
        if intent.state is IntentState.PENDING:
            self._start_first(tx, intent, now)
            return None
        outcomes = [self._builder_outcome(tx, parts, f"{intent.key}#{name}", name) for name in self.plan.builders]
        if self.plan.pool:
            outcome = self._run_outcome(tx, intent, parts, f"{intent.key}#tests", now)
            outcomes.append(self._stressed(tx, intent, outcome, now))
        return _verdict([one for one in outcomes if one is not None]) if all(outcomes) else None

    def _start_first(self, tx: Tx, intent: Intent, now: float) -> None:
        tx.outbox.start(intent.key, now, None)
        revision = str(intent.payload["candidate"])
        for name in self.plan.builders:
            self._part(tx, intent, f"{intent.key}#{name}", name, revision, {}, now)
        if self.plan.pool:
            key = f"{intent.key}#tests"
            run = tx.runs.create(key, intent.gate, intent.landing, "gate", revision, now)
            told = plans.span(tx.landings.get(intent.landing or 0))
            span = {**told, "base": intent.payload["base"], "head": intent.payload["head"]}
            self._part(tx, intent, f"{key}#plan", plans.BUILDER, revision, {"cd_run": run.id, "cd_range": span}, now)

    def _stressed(self, tx: Tx, intent: Intent, outcome: dict[str, Any] | None, now: float) -> dict[str, Any] | None:
        """The run's verdict, once its new tests were run over and over."""
        first = tx.runs.by_key(f"{intent.key}#tests")
        if outcome is None or outcome["verdict"] != "passed" or first is None:
            return outcome
        said = stress.look(self, tx, intent, first, (), now)
        return None if said is None else {**outcome, "reason": "; ".join(filter(None, (outcome["reason"], said)))}

    # -- the second look: what failed, on another worker, and on the tested revision

    def _second_look(self, tx: Tx, intent: Intent, now: float) -> dict[str, Any] | None:
        failing = [str(one) for one in intent.payload["failing"]]
        builders = [one.removeprefix(BUILDER) for one in failing if one.startswith(BUILDER)]
        tests = [one for one in failing if not one.startswith((BUILDER, plans.MAP))]
        maps = [one for one in failing if one.startswith(plans.MAP)]
        sides = (("retry", str(intent.payload["candidate"])), ("base", str(intent.payload["tested"])))
        if intent.state is IntentState.PENDING:
            tx.outbox.start(intent.key, now, None)
            for side, revision in sides:
                self._start_side(tx, intent, side, revision, tests, builders, now)
                if maps:
                    told = plans.start(tx, intent, side, revision, now)
                    self._part(tx, intent, plans.key_of(intent, side), plans.BUILDER, revision, told, now)
            return None
        found = {side: self._side(tx, intent, side, tests, builders, now) for side, _ in sides}
        if any(maps and self._unplanned(tx, intent, side) for side, _ in sides):
            return None
        if any(one is None for one in found.values()):
            return None
        outcomes = {
            side: {**(one or {}), **{name: plans.word(tx, intent, side, now) for name in maps}}
            for side, one in found.items()
        }
        first = tx.runs.by_key(f"{intent.payload['checks']}#tests")
        if first is None:
            return outcomes
        flakes = set(outcomes["retry"].values()) == {PASSED}  # then nothing speaks against the change any more
        said = stress.look(self, tx, intent, first, tests, now) if flakes else ""
        return None if said is None else {**outcomes, **({"new_tests": said} if said else {}), **_held(first)}

    def _start_side(
        self, tx: Tx, intent: Intent, side: str, revision: str, tests: list[str], builders: list[str], now: float
    ) -> None:
        for name in builders:
            self._part(tx, intent, f"{intent.key}#{side}:{name}", name, revision, {}, now)
        if not tests:
            return
        first = tx.runs.by_key(f"{intent.payload['checks']}#tests")
        ran = {one.nid: one for one in tx.runs.tests(first.id)} if first else {}
        run = tx.runs.create(f"{intent.key}#{side}", intent.gate, intent.landing, side, revision, now)
        avoids = side == "retry" and len(self.plan.pool) > 1
        planned = [
            PlannedTest(
                nid=nid,
                estimate=ran[nid].estimate if nid in ran else 1.0,
                rank=ran[nid].estimate if nid in ran else 1.0,
                avoid_worker=ran[nid].worker if avoids and nid in ran else None,
            )
            for nid in tests
        ]
        tx.runs.plan(run.id, planned, {}, None, now)

    def _side(
        self, tx: Tx, intent: Intent, side: str, tests: list[str], builders: list[str], now: float
    ) -> dict[str, str] | None:
        parts = _parts(tx, intent)
        found: dict[str, str] = {}
        for name in builders:
            outcome = self._builder_outcome(tx, parts, f"{intent.key}#{side}:{name}", name)
            if outcome is None:
                return None
            found[BUILDER + name] = _word(outcome)
        if not tests:
            return found
        outcome = self._run_outcome(tx, intent, parts, f"{intent.key}#{side}", now)
        if outcome is None:
            return None
        run = tx.runs.by_key(f"{intent.key}#{side}")
        ran = {one.nid: one for one in tx.runs.tests(run.id)} if run else {}
        return found | {nid: _test_word(ran.get(nid), side) for nid in tests}

    def _unplanned(self, tx: Tx, intent: Intent, side: str) -> bool:
        part = _parts(tx, intent).get(plans.key_of(intent, side))
        return part is None or part.result is None

    def outcome_of(self, tx: Tx, intent: Intent, key: str, now: float) -> dict[str, Any] | None:
        """How a sharded run of this effect ended, or None while it goes on; starts shards as they are needed."""
        return self._run_outcome(tx, intent, _parts(tx, intent), key, now)

    # -- parts

    def _part(
        self, tx: Tx, intent: Intent, key: str, builder: str, revision: str, properties: dict[str, Any], now: float
    ) -> None:
        branch = branch_of(tx, intent.gate, revision, self.plan.trunk)
        payload = {"builder": builder, "revision": revision, "branch": branch, "properties": properties}
        tx.outbox.put(intent.gate, intent.landing, Effect(EffectKind.BUILD, key, payload), intent.epoch, now)

    def _builder_outcome(self, tx: Tx, parts: Mapping[str, Intent], key: str, name: str) -> dict[str, Any] | None:
        part = parts.get(key)
        if part is None or part.result is None:
            return None
        built, asked = str(part.result.get("built") or ""), str(part.payload["revision"])
        if built not in ("", asked) and _of_trunk(tx, part.gate, built):
            why = (
                f"builder {name} built {built[:12]} and not {asked[:12]}: it has to check out the revision it is given"
            )
            return {"verdict": "infra", "reason": why}
        results = part.result.get("results")
        if results in (SUCCESS, WARNINGS):
            return {"verdict": "passed"}
        if results == FAILURE:
            return {"verdict": "failed", "failing": [BUILDER + name]}
        return {"verdict": "infra", "reason": f"builder {name} gave no verdict"}

    def _run_outcome(
        self, tx: Tx, intent: Intent, parts: Mapping[str, Intent], key: str, now: float
    ) -> dict[str, Any] | None:
        """The sharded run's verdict, or None while it goes on; starts shards as they are needed."""
        run = tx.runs.by_key(key)
        if run is None:
            return {"verdict": "infra", "reason": "the run's record is missing"}
        if run.state is RunState.PLANNING:
            return self._planning(parts.get(f"{key}#plan"))
        if run.state is RunState.DONE:
            return _run_verdict(run, tx.runs.tests(run.id), _muted(tx, run, now))
        counts = tx.runs.counts(run.id)
        if not counts.waiting and not counts.claimed:
            tx.runs.finish(run.id, now)
            return _run_verdict(run, tx.runs.tests(run.id), _muted(tx, run, now))
        return self._shards(tx, intent, parts, run, now)

    def _planning(self, plan: Intent | None) -> dict[str, Any] | None:
        if plan is None or plan.result is None:
            return None
        return {"verdict": "infra", "reason": "the tests could not be selected: see the cd-plan build"}

    def _shards(
        self, tx: Tx, intent: Intent, parts: Mapping[str, Intent], run: Run, now: float
    ) -> dict[str, Any] | None:
        mine = {key: part for key, part in parts.items() if key.startswith(f"{run.key}#shard")}
        if any(part.result is None for part in mine.values()):
            return None
        generation = 1 + max((int(key.rsplit(".", 1)[1]) for key in mine), default=0)
        if generation > GENERATIONS:
            return {"verdict": "infra", "reason": f"{GENERATIONS} rounds of shards ended before the tests did"}
        for worker in self.plan.pool if mine else ():
            tx.runs.release(run.id, worker)
        left = [one for one in tx.runs.tests(run.id) if one.state is not WorkState.DONE]
        for number, avoid in enumerate(self._avoids(left)):
            rounds = {"cd_rounds": self.plan.stress.rounds} if run.kind == STRESS else {}
            properties = {"cd_run": run.id, "cd_avoid": avoid, **rounds, **(run.selection.get("from") or {})}
            key = f"{run.key}#shard{number}.{generation}"
            self._part(tx, intent, key, "cd-test", run.revision, properties, now)
        return None

    def _avoids(self, left: list[RunTest]) -> list[str]:
        """One shard for each worker that can be kept busy; a retry's shards each name the worker they must not use."""
        avoided = sorted({one.avoid_worker for one in left if one.avoid_worker})
        free = sum(1 for one in left if not one.avoid_worker)
        return [*avoided, *[""] * min(free, len(self.plan.pool))]


def _of_trunk(tx: Tx, gate: str, revision: str) -> bool:
    """Whether this is a revision of the gate's trunk, and not of something else that a builder checks out too."""
    found = tx.gates.get(gate)
    known = found is not None and revision in (found.trunk, found.tested, found.live, found.pushed)
    return known or tx.landings.by_head(gate, revision) is not None


def _parts(tx: Tx, intent: Intent) -> dict[str, Intent]:
    landings = () if intent.landing is None else (intent.landing,)
    return {one.key: one for one in tx.outbox.of_landings(landings) if one.key.startswith(f"{intent.key}#")}


def _verdict(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """All checks together: a named failure counts before what went wrong around it."""
    failing = [name for one in outcomes for name in one.get("failing", ())]
    if failing:
        return {"verdict": "failed", "failing": failing, "ran": sum(one.get("ran", 1) for one in outcomes)}
    infra = [one for one in outcomes if one["verdict"] == "infra"]
    passed = {"verdict": "passed", "reason": _summary(outcomes)}
    held = [one for one in outcomes if one.get("held")]
    return infra[0] if infra else {**passed, **({"held": held[0]["held"]} if held else {})}


def _summary(outcomes: list[dict[str, Any]]) -> str:
    said = [str(one["reason"]) for one in outcomes if one.get("reason")]
    return "; ".join(said) or "all checks passed"


def _muted(tx: Tx, run: Run, now: float) -> frozenset[str]:
    """Tests that run and do not count; a second look is only at those that count."""
    return frozenset(one.test for one in tx.trust.quarantined(run.gate, now)) if run.kind == "gate" else frozenset()


def _run_verdict(run: Run, tests: tuple[RunTest, ...], muted: frozenset[str] = frozenset()) -> dict[str, Any]:
    failed = [one.nid for one in tests if one.outcome not in (*HARMLESS, BLOCKED)]
    failing = [nid for nid in failed if nid not in muted]
    if run.error:
        return {"verdict": "infra", "reason": run.error}
    if failing:
        return {"verdict": "failed", "failing": failing, "ran": len(tests)}
    aside = f"; {len(failed)} in quarantine failed" if failed else ""
    return {"verdict": "passed", "reason": f"{len(tests) - len(failed)} tests passed{aside}", **_held(run)}


def _held(run: Run) -> dict[str, str]:
    """Why the landing waits for a person though its tests pass: the map blocks on tags that were not declared."""
    missing = [MissingTag(**one) for one in run.selection.get("missing_tags") or () if not one.get("quiet")]
    return {"held": undeclared(missing)} if missing and run.selection.get("mode") == "block" else {}


def undeclared(missing: Sequence[MissingTag]) -> str:
    """One line: which tags are missing, why the first is, and what to do."""
    names = ", ".join(one.tag for one in missing)
    return f"declare the missing tag{'s' if len(missing) > 1 else ''} {names} ({missing[0].because})"


def _word(outcome: Mapping[str, Any]) -> str:
    return {"passed": PASSED, "failed": FAILED}.get(str(outcome["verdict"]), UNKNOWN)


def _test_word(test: RunTest | None, side: str) -> str:
    if test is None or test.outcome is None:
        return UNKNOWN
    if test.outcome in HARMLESS:
        return PASSED
    if test.outcome == "missing":  # the runner said nothing of it: a test without a result has not failed
        return ABSENT if side == "base" else UNKNOWN
    return FAILED
