# SPDX-License-Identifier: GPL-2.0-only
"""The checks of a candidate: the sharded test run and stock builders, and the second look at what failed.

This module only looks at rows, so it can be asked at any moment, by any master, any number of times.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import EffectKind, Intent, IntentState
from buildbot_cd.core.landing.verdict import ABSENT, FAILED, PASSED, UNKNOWN
from buildbot_cd.engine import plans, proofs, stress
from buildbot_cd.engine.check_parts import BUILDER, Parts, held, of_effect
from buildbot_cd.store.rows import HARMLESS, PlannedTest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from buildbot_cd.engine.check_parts import CheckPlan
    from buildbot_cd.store.interface import Store, Tx
    from buildbot_cd.store.rows import RunTest


class Checks:
    """Moves check runs along; see the module."""

    def __init__(
        self, store: Store, plan: CheckPlan, answer: Callable[[str, Mapping[str, Any]], Awaitable[bool]]
    ) -> None:
        self.store, self.parts, self.answer = store, Parts(plan), answer

    async def advance(self, intent: Intent, now: float) -> bool:
        """Do what the run needs next; True if its verdict was given."""
        looks: dict[EffectKind, Callable[[Tx, Intent, float], dict[str, Any] | None]] = {
            EffectKind.CHECKS: self._first_look,
            EffectKind.PROOF: partial(proofs.look, self.parts),
        }
        work = looks.get(intent.kind, self._second_look)
        result = await self.store.transact(lambda tx: work(tx, intent, now))
        return result is not None and await self.answer(intent.key, result)

    # -- the first look: everything that was selected, and every stock builder

    def _first_look(self, tx: Tx, intent: Intent, now: float) -> dict[str, Any] | None:
        if intent.state is IntentState.PENDING:
            self._start_first(tx, intent, now)
            return None
        plan, begun = self.parts.plan, of_effect(tx, intent)
        outcomes = [self.parts.builder_outcome(tx, begun.get(f"{intent.key}#{name}"), name) for name in plan.builders]
        if plan.pool:
            outcome = self.parts.run_outcome(tx, intent, f"{intent.key}#tests", now)
            outcomes.append(self._stressed(tx, intent, outcome, now))
        return _verdict([one for one in outcomes if one is not None]) if all(outcomes) else None

    def _start_first(self, tx: Tx, intent: Intent, now: float) -> None:
        tx.outbox.start(intent.key, now, None)
        revision = str(intent.payload["candidate"])
        for name in self.parts.plan.builders:
            self.parts.begin(tx, intent, f"{intent.key}#{name}", name, revision, {}, now)
        if self.parts.plan.pool:
            key = f"{intent.key}#tests"
            run = tx.runs.create(key, intent.gate, intent.landing, "gate", revision, now)
            span = plans.span(tx.landings.get(intent.landing or 0))
            span |= {"base": intent.payload["base"], "head": intent.payload["head"]}
            told = {"cd_run": run.id, "cd_range": span}
            self.parts.begin(tx, intent, f"{key}#plan", plans.BUILDER, revision, told, now)

    def _stressed(self, tx: Tx, intent: Intent, outcome: dict[str, Any] | None, now: float) -> dict[str, Any] | None:
        """The run's verdict, once its new tests were run over and over."""
        first = tx.runs.by_key(f"{intent.key}#tests")
        if outcome is None or outcome["verdict"] != "passed" or first is None:
            return outcome
        said = stress.look(self.parts, tx, intent, first, (), now)
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
                    self.parts.begin(tx, intent, plans.key_of(intent, side), plans.BUILDER, revision, told, now)
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
        said = stress.look(self.parts, tx, intent, first, tests, now) if flakes else ""
        return None if said is None else {**outcomes, **({"new_tests": said} if said else {}), **held(first)}

    def _start_side(
        self, tx: Tx, intent: Intent, side: str, revision: str, tests: list[str], builders: list[str], now: float
    ) -> None:
        for name in builders:
            self.parts.begin(tx, intent, f"{intent.key}#{side}:{name}", name, revision, {}, now)
        if not tests:
            return
        first = tx.runs.by_key(f"{intent.payload['checks']}#tests")
        ran = {one.nid: one for one in tx.runs.tests(first.id)} if first else {}
        run = tx.runs.create(f"{intent.key}#{side}", intent.gate, intent.landing, side, revision, now)
        avoids = side == "retry" and len(self.parts.plan.pool) > 1
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
        found: dict[str, str] = {}
        begun = of_effect(tx, intent)
        for name in builders:
            outcome = self.parts.builder_outcome(tx, begun.get(f"{intent.key}#{side}:{name}"), name)
            if outcome is None:
                return None
            found[BUILDER + name] = _word(outcome)
        if not tests:
            return found
        outcome = self.parts.run_outcome(tx, intent, f"{intent.key}#{side}", now)
        if outcome is None:
            return None
        run = tx.runs.by_key(f"{intent.key}#{side}")
        ran = {one.nid: one for one in tx.runs.tests(run.id)} if run else {}
        return found | {nid: _test_word(ran.get(nid), side) for nid in tests}

    def _unplanned(self, tx: Tx, intent: Intent, side: str) -> bool:
        part = of_effect(tx, intent).get(plans.key_of(intent, side))
        return part is None or part.result is None


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
