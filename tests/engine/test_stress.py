# SPDX-License-Identifier: GPL-2.0-only
"""New tests run over and over on the landing that brings them; production's checks on a memory store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate
from buildbot_cd.engine.check_parts import CheckPlan, StressPlan
from buildbot_cd.engine.checks import Checks
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

OLD = {"t::old": "passed", "t::older": "passed"}
NEW = {"t::new": "passed", **OLD}


class Gatekeeper:
    """Landings whose checks run one after the other; ``rounds`` of stress for at most ``most`` new tests."""

    def __init__(self, rounds: int = 5, most: int = 50) -> None:
        self.store, self.answers, self.number = MemoryStore(), {}, 0  # type: ignore[var-annotated]
        plan = CheckPlan(("w1", "w2"), (), "main", StressPlan(rounds, most, lasts=100.0))
        self.checks = Checks(self.store, plan, self._answer)
        self.store.transact_now(lambda tx: tx.gates.create(Gate("shop")))

    async def _answer(self, key: str, result: Mapping[str, Any]) -> bool:
        self.answers[key] = result
        return True

    def land(self, outcomes: Mapping[str, str], at: float) -> str:
        """A landing whose selected tests end like this; the key of its checks."""
        self.number += 1
        number, key = self.number, f"shop/{self.number}/checks/1.0"

        def begin(tx: Tx) -> None:
            made = tx.landings.add("shop", "b", f"h{number}", "ada", "s", "m", at)
            tx.outbox.put(
                "shop", made.id, Effect(EffectKind.CHECKS, key, {"candidate": "c", "base": "b", "head": "h"}), 0, at
            )

        self.store.transact_now(begin)
        self.advance(key, at)

        def plan(tx: Tx) -> None:
            run = tx.runs.by_key(f"{key}#tests")
            assert run is not None
            tx.runs.plan(run.id, [PlannedTest(nid, 2.0) for nid in outcomes], {}, None, at)

        self.store.transact_now(plan)
        self.report(f"{key}#tests", outcomes, at)
        self.advance(key, at)
        return key

    def look_again(self, key: str, retry: Mapping[str, str], at: float) -> str:
        """The second look at what failed in these checks, all of which passes without the change; its key."""
        again = key.replace("checks", "confirm")
        asked = {"candidate": "c", "tested": "b", "failing": list(retry), "checks": key}
        landing = int(key.split("/")[1])
        self.store.transact_now(
            lambda tx: tx.outbox.put("shop", landing, Effect(EffectKind.CONFIRM, again, asked), 0, at)
        )
        self.advance(again, at)
        self.report(f"{again}#retry", retry, at)
        self.report(f"{again}#base", dict.fromkeys(retry, "passed"), at)
        self.advance(again, at)
        return again

    def advance(self, key: str, at: float) -> None:
        """The engine asks what the run needs next."""
        intent = self.store.transact_now(lambda tx: tx.outbox.get(key))
        assert intent is not None
        finish(self.checks.advance(intent, at))

    def report(self, run_key: str, outcomes: Mapping[str, str], at: float) -> None:
        """A shard reports, and its durations are learnt."""

        def work(tx: Tx) -> None:
            run = tx.runs.by_key(run_key)
            assert run is not None
            tx.runs.report(run.id, "w1", [TestResult(nid, outcome) for nid, outcome in outcomes.items()], at)
            known = tx.durations.get("shop")
            tx.durations.put("shop", {nid: (known.get(nid, (0.0,))[0] + 1, 1.0, 0.0) for nid in outcomes})

        self.store.transact_now(work)

    def stressed(self, key: str) -> dict[str, float] | None:
        """The stressed tests of a landing, with the seconds reckoned for each; None if there is no such run."""
        run = self.store.transact_now(lambda tx: tx.runs.by_key(f"{key}#stress"))
        if run is None:
            return None
        return {one.nid: one.estimate for one in self.store.transact_now(lambda tx: tx.runs.tests(run.id))}

    def in_quarantine(self, at: float) -> list[tuple[str, str]]:
        """Tests and owners."""
        return [(one.test, one.owner) for one in self.store.transact_now(lambda tx: tx.trust.quarantined("shop", at))]


def test_the_first_run_takes_the_suite_as_it_is() -> None:
    """A team that begins with the gate does not wait for its old tests to run ten times."""
    gate = Gatekeeper()
    key = gate.land(OLD, 1.0)
    assert gate.stressed(key) is None
    assert gate.answers[key] == {"verdict": "passed", "reason": "2 tests passed"}


def test_a_new_test_has_to_pass_many_times() -> None:
    """Only the new one runs again, with the rounds told to the shard; the landing passes after that, and says so."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.land(NEW, 2.0)
    assert (gate.stressed(key), key in gate.answers) == ({"t::new": 10.0}, False)
    shards = [
        one for one in gate.store.transact_now(lambda tx: tx.outbox.unfinished("shop")) if "#stress#shard" in one.key
    ]
    assert [one.payload["properties"]["cd_rounds"] for one in shards] == [5]
    gate.report(f"{key}#stress", {"t::new": "passed"}, 3.0)
    gate.advance(key, 3.0)
    assert gate.answers[key] == {"verdict": "passed", "reason": "3 tests passed; 1 new test ran 5 times"}
    assert gate.stressed(gate.land(NEW, 4.0)) is None


def test_a_new_test_that_flakes_cannot_take_anybodys_change_back() -> None:
    """It is in quarantine in its author's name before the next landing meets it, and its flake is noted."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.land(NEW, 2.0)
    gate.report(f"{key}#stress", {"t::new": "failed"}, 3.0)
    gate.advance(key, 3.0)
    assert gate.answers[key]["verdict"] == "passed"
    assert "flaky, in quarantine until mended: t::new" in gate.answers[key]["reason"]
    assert gate.in_quarantine(50.0) == [("t::new", "ada")]
    assert [one.test for one in gate.store.transact_now(lambda tx: tx.trust.flakes("shop", 0.0))] == ["t::new"]
    after = gate.land({**NEW, "t::new": "failed"}, 4.0)
    assert gate.answers[after] == {"verdict": "passed", "reason": "2 tests passed; 1 in quarantine failed"}
    assert gate.in_quarantine(103.0) == []


def test_a_run_that_failed_is_not_stressed() -> None:
    """The failure is looked at first; the new test has its rounds when everything has passed."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.land({**NEW, "t::old": "failed"}, 2.0)
    assert gate.stressed(key) is None
    assert gate.answers[key]["failing"] == ["t::old"]


def test_new_tests_have_their_rounds_after_a_flake_too() -> None:
    """Their engineer is told, and not the one who comes next, whose landing meets tests that are not new any more."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.look_again(gate.land({**NEW, "t::old": "failed"}, 2.0), {"t::old": "passed"}, 3.0)
    assert (gate.stressed(key), key in gate.answers) == ({"t::new": 10.0}, False)
    gate.report(f"{key}#stress", {"t::new": "passed"}, 4.0)
    gate.advance(key, 4.0)
    assert gate.answers[key]["new_tests"] == "1 new test ran 5 times"
    assert gate.stressed(gate.land(NEW, 5.0)) is None


def test_a_new_test_that_flakes_with_its_own_landing_has_shown_enough() -> None:
    """It failed, and passed on another worker: it is in quarantine without further runs, and the landing passes."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.look_again(gate.land({**NEW, "t::new": "failed"}, 2.0), {"t::new": "passed"}, 3.0)
    assert gate.stressed(key) is None
    assert gate.answers[key]["retry"] == {"t::new": "passed"}
    assert gate.answers[key]["new_tests"] == "flaky, in quarantine until mended: t::new"
    assert gate.in_quarantine(50.0) == [("t::new", "ada")]
    assert gate.stressed(gate.land(NEW, 5.0)) is None


@pytest.mark.parametrize("new", ["failed", "passed"])
def test_a_real_failure_is_not_stressed(new: str) -> None:
    """What failed twice speaks against the change, a new test as an old one: no rounds, nothing set aside."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    failed = {"t::new": "failed"} if new == "failed" else {"t::old": "failed"}
    key = gate.look_again(gate.land({**NEW, **failed}, 2.0), failed, 3.0)
    assert (gate.stressed(key), gate.in_quarantine(50.0)) == (None, [])
    assert gate.answers[key]["retry"] == failed
    assert "new_tests" not in gate.answers[key]


def test_an_old_test_that_flakes_is_not_set_aside() -> None:
    """One flake among many runs is noted; a quarantine is a person's decision then."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    gate.look_again(gate.land({"t::old": "failed", "t::older": "passed"}, 2.0), {"t::old": "passed"}, 3.0)
    assert gate.in_quarantine(50.0) == []


def test_what_is_well_known_or_too_much_at_once_is_left() -> None:
    """A test that passed five times is not new; more new ones than the most wait for the next landing."""
    gate = Gatekeeper(most=2)
    gate.land(OLD, 1.0)
    gate.store.transact_now(lambda tx: tx.durations.put("shop", {"t::known": (5.0, 1.0, 0.0)}))
    many = {f"t::{name}": "passed" for name in ("known", "n1", "n2", "n3")}
    first = gate.land(many, 2.0)
    assert set(gate.stressed(first) or ()) == {"t::n1", "t::n2"}
    gate.report(f"{first}#stress", {"t::n1": "passed", "t::n2": "passed"}, 3.0)
    gate.advance(first, 3.0)
    assert set(gate.stressed(gate.land(many, 4.0)) or ()) == {"t::n3"}


def test_a_team_may_turn_it_off() -> None:
    """No rounds, no second run."""
    gate = Gatekeeper(rounds=0)
    gate.land(OLD, 1.0)
    key = gate.land(NEW, 2.0)
    assert (gate.stressed(key), gate.answers[key]["verdict"]) == (None, "passed")


def test_shards_that_die_leave_the_verdict_as_it_was() -> None:
    """Stress without an answer says nothing against the test, which is stressed with the next landing."""
    gate = Gatekeeper()
    gate.land(OLD, 1.0)
    key = gate.land(NEW, 2.0)
    for _ in range(4):
        gate.store.transact_now(_end_shards)
        gate.advance(key, 3.0)
    assert gate.answers[key] == {"verdict": "passed", "reason": "3 tests passed; new tests could not be run again"}
    assert gate.in_quarantine(4.0) == []
    assert gate.stressed(gate.land(NEW, 5.0)) == {"t::new": 10.0}


def _end_shards(tx: Tx) -> None:
    for one in tx.outbox.unfinished("shop"):
        if "#stress#shard" in one.key:
            tx.outbox.finish(one.key, {"results": 4}, 3.0)
