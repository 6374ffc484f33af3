# SPDX-License-Identifier: GPL-2.0-only
"""A repository that blocks on missing tags: the landing's tests run and pass, and it waits for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from buildbot_cd.core.landing import control, testing
from buildbot_cd.core.landing.moves import HELD, Policy
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Intent, State
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.engine.checks import Checks
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult
from buildbot_cd.testing.simulation.store import finish

MISSING = {"tag": "tax", "because": "tax.py::rate changed; it ran tax.py::rate", "tests": 2, "quiet": False}


def verdict(mode: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    """What the checks answer for a landing of one test, whose selection found a tag missing."""
    store, answers = MemoryStore(), []

    async def answer(_key: str, result: Any) -> bool:
        answers.append(dict(result))
        return True

    checks = Checks(store, CheckPlan(("w1",), (), "main"), answer)

    def begin(tx: Any) -> Any:
        tx.gates.create(Gate("shop"))
        made = tx.landings.add("shop", "b", "h", "ada", "s", "m", 1.0)
        effect = Effect(EffectKind.CHECKS, "shop/1/checks/1.0", {"candidate": "h", "base": "b", "head": "h"})
        tx.outbox.put("shop", made.id, effect, 0, 1.0)
        return tx.outbox.get("shop/1/checks/1.0")

    finish(checks.advance(store.transact_now(begin), 1.0))

    def work(tx: Any) -> Any:
        run = tx.runs.by_key("shop/1/checks/1.0#tests")
        told = {"missing_tags": [{**MISSING, **more}], "mode": mode}
        tx.runs.plan(run.id, [PlannedTest("t")], told, None, 1.0)
        tx.runs.report(run.id, "w1", [TestResult("t", outcome)], 1.0)
        return tx.outbox.get("shop/1/checks/1.0")

    finish(checks.advance(store.transact_now(work), 1.0))
    (found,) = answers
    return found


@pytest.mark.parametrize(
    ("mode", "quiet", "held"),
    [("block", False, True), ("block", True, False), ("add", False, False), ("warn", False, False)],
)
def test_only_the_mode_block_holds(mode: str, quiet: bool, held: bool) -> None:
    """The verdict stays passed in every mode; the sentence names tag and reason."""
    found = verdict(mode, quiet=quiet)
    assert found["verdict"] == "passed"
    assert found.get("held") == (
        "declare the missing tag tax (tax.py::rate changed; it ran tax.py::rate)" if held else None
    )


def test_a_failing_test_counts_before_a_missing_tag() -> None:
    """What really fails is looked at again as ever."""
    found = verdict("block", "failed")
    assert (found["verdict"], found["failing"]) == ("failed", ["t"])


def test_a_held_landing_is_reverted_by_nobody_and_released_by_a_person() -> None:
    """It is PASSED and held until it is released; the message names the remedy; also after a flaky test."""
    store = MemoryStore()

    def landed(tx: Any) -> Any:
        tx.gates.create(Gate("shop"))
        made = tx.landings.add("shop", "b", "h", "ada", "s", "m", 1.0)
        return tx.snapshot("shop"), made

    snapshot, made = store.transact_now(landed)
    under_test = replace(made, state=State.TESTING, candidate="h")
    asked = Intent("shop/1/confirm/1.0", "shop", 1, EffectKind.CONFIRM, {}, 0, 1.0)
    snapshot = replace(snapshot, intents={asked.key: asked})
    confirming = replace(under_test, state=State.CONFIRMING, failing=("t",))
    moves = [
        testing.tested(snapshot, under_test, verdict("block"), Policy(), 5.0),
        testing.confirmed(
            snapshot,
            confirming,
            {"retry": {"t": "passed"}, "base": {"t": "passed"}, "held": "declare x"},
            Policy(),
            5.0,
        ),
    ]
    for move in moves:
        (passed,) = move.landings
        assert (passed.state, passed.not_before, passed.revert_kind) == (State.PASSED, HELD, "")
        assert "release it as it is, or withdraw it and push it again with the tag" in passed.reason
        assert [effect.payload["what"] for _, effect in move.effects] == ["held"]
        (free,) = control.release(passed, "bob").landings
        assert free.not_before is None
