# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.engine.checks import Checks
from buildbot_cd.engine.trust import end_quarantine, put_in_quarantine
from buildbot_cd.errors import ControlRefused
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

DAY = 86400.0


class Run:
    """A check run of two tests on one worker, driven through production's own checks."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.answers: list[Mapping[str, Any]] = []
        self.checks = Checks(self.store, CheckPlan(("w1",), (), "main"), self._answer)
        self.store.transact_now(self._fill)

    async def _answer(self, _key: str, result: Mapping[str, Any]) -> bool:
        self.answers.append(result)
        return True

    def _fill(self, tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        made = tx.landings.add("shop", "b", "h", "ada", "s", "m", 1.0)
        effect = Effect(EffectKind.CHECKS, "shop/1/checks/1.0", {"candidate": "h", "base": "b", "head": "h"})
        tx.outbox.put("shop", made.id, effect, 0, 1.0)

    def advance(self, now: float) -> None:
        """The engine asks what the run needs next."""
        intent = self.store.transact_now(lambda tx: tx.outbox.get("shop/1/checks/1.0"))
        assert intent is not None
        finish(self.checks.advance(intent, now))

    def ends(self, outcomes: Mapping[str, str], now: float) -> Mapping[str, Any]:
        """All tests are planned, run and reported with these outcomes; the run's answer."""
        self.advance(now)

        def work(tx: Tx) -> None:
            run = tx.runs.by_key("shop/1/checks/1.0#tests")
            assert run is not None
            tx.runs.plan(run.id, [PlannedTest(nid) for nid in outcomes], {}, None, now)
            tx.runs.report(run.id, "w1", [TestResult(nid, outcome) for nid, outcome in outcomes.items()], now)

        self.store.transact_now(work)
        self.advance(now)
        return self.answers[-1]


def test_a_test_in_quarantine_runs_and_does_not_count() -> None:
    """Its failure is told beside the verdict; until the quarantine is over."""
    run = Run()
    run.store.transact_now(put_in_quarantine("shop", "t::a", "ada", "the clock", "oscar", 0.0, 10.0))
    answer = run.ends({"t::a": "failed", "t::b": "passed"}, now=9.0)
    assert answer == {"verdict": "passed", "reason": "1 tests passed; 1 in quarantine failed"}


@pytest.mark.parametrize("how", ["by time", "by a person"])
def test_after_the_quarantine_the_test_counts_again(how: str) -> None:
    """An end that comes by itself or by an order."""
    run = Run()
    run.store.transact_now(put_in_quarantine("shop", "t::a", "ada", "the clock", "oscar", 0.0, 10.0))
    if how == "by a person":
        run.store.transact_now(end_quarantine("shop", "t::a"))
    answer = run.ends({"t::a": "failed", "t::b": "passed"}, now=10.0 if how == "by time" else 9.0)
    assert answer == {"verdict": "failed", "failing": ["t::a"], "ran": 2}


def test_another_tests_failure_counts_all_the_same() -> None:
    """Only what is in quarantine is left out."""
    run = Run()
    run.store.transact_now(put_in_quarantine("shop", "t::a", "ada", "the clock", "oscar", 0.0, 10.0))
    assert run.ends({"t::a": "failed", "t::b": "failed"}, now=1.0)["failing"] == ["t::b"]


@pytest.mark.parametrize(
    ("owner", "reason", "until", "said"),
    [
        ("", "r", DAY, "an owner"),
        ("ada", " ", DAY, "a reason"),
        ("ada", "r", 0.0, "ends"),
        ("ada", "r", 31 * DAY, "30"),
    ],
)
def test_a_quarantine_needs_an_owner_a_reason_and_an_end(owner: str, reason: str, until: float, said: str) -> None:
    """Else it is a way to forget a test."""
    store = MemoryStore()
    with pytest.raises(ControlRefused, match=said):
        store.transact_now(put_in_quarantine("shop", "t::a", owner, reason, "oscar", 0.0, until))
    with pytest.raises(ControlRefused, match="not in quarantine"):
        store.transact_now(end_quarantine("shop", "t::a"))
