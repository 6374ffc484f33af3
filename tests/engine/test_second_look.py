# SPDX-License-Identifier: GPL-2.0-only
"""The second look at what failed, from rows of its runs to the words that the verdict reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate
from buildbot_cd.core.landing.verdict import Cause, classify
from buildbot_cd.engine.checks import CheckPlan, Checks
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import TestResult
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

KEY = "shop/1/confirm/1.0"
TEST = "t::at[2026-11-24 18:16:43]"


def second_look(retry: str, base: str) -> Mapping[str, Any]:
    """The answer after one test had these outcomes on another worker and on the tested revision."""
    store = MemoryStore()
    answers: list[Mapping[str, Any]] = []

    async def answer(_key: str, result: Mapping[str, Any]) -> bool:
        answers.append(result)
        return True

    def fill(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        made = tx.landings.add("shop", "b", "h", "ada", "s", "m", 1.0)
        asked = {"candidate": "h", "tested": "b", "failing": [TEST], "checks": "shop/1/checks/1.0"}
        tx.outbox.put("shop", made.id, Effect(EffectKind.CONFIRM, KEY, asked), 0, 1.0)

    def report(tx: Tx) -> None:
        for side, outcome in (("retry", retry), ("base", base)):
            run = tx.runs.by_key(f"{KEY}#{side}")
            assert run is not None
            tx.runs.report(run.id, "w1", [TestResult(TEST, outcome)], 2.0)

    store.transact_now(fill)
    checks = Checks(store, CheckPlan(("w1",), (), "main"), answer)
    for step in (lambda _tx: None, report):
        store.transact_now(step)
        intent = store.transact_now(lambda tx: tx.outbox.get(KEY))
        assert intent is not None
        finish(checks.advance(intent, 2.0))
    return answers[-1]


@pytest.mark.parametrize(
    ("retry", "base", "cause"),
    [
        ("failed", "passed", Cause.REAL),
        ("failed", "missing", Cause.REAL),
        ("missing", "missing", Cause.UNDECIDED),
        ("missing", "passed", Cause.UNDECIDED),
        ("passed", "missing", Cause.FLAKY),
    ],
)
def test_a_test_that_gives_no_result_has_not_failed(retry: str, base: str, cause: Cause) -> None:
    """Its name may hold the time, or a random number: that takes no change back. On ``tested`` it is a new test."""
    said = second_look(retry, base)
    assert classify((TEST,), said["retry"], said["base"]).cause is cause
