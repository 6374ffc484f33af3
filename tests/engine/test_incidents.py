# SPDX-License-Identifier: GPL-2.0-only
"""Incidents in the gate's transactions: what opens them, what people may add, and what the runs write into them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.incident import Cause, Incident, Standing
from buildbot_cd.core.landing.moves import Move, Policy, effect_of
from buildbot_cd.core.landing.values import EffectKind, Gate, IntentState, Landing, State
from buildbot_cd.engine import views
from buildbot_cd.engine.apply import answer, apply
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.engine.checks import Checks
from buildbot_cd.engine.control import order_incident
from buildbot_cd.engine.incidents import escaped
from buildbot_cd.engine.orders import Order, OutOfDate
from buildbot_cd.engine.proofs import file_of
from buildbot_cd.errors import ControlRefused
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import TestResult
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.values import Intent
    from buildbot_cd.store import Tx

NOW = 1000.0
TEST = "pytest:tests/test_cart.py::test_total"


class Yard:
    """A gate with one landing under test, and the checks that run what is asked for."""

    def __init__(self, pool: tuple[str, ...] = ("test-1", "test-2")) -> None:
        self.store, self.told = MemoryStore(), []  # type: tuple[MemoryStore, list[Incident]]
        self.events = SimpleNamespace(incident_changed=self.told.append)
        self.checks = Checks(self.store, CheckPlan(pool, (), "main"), self.answer)
        self.store.transact_now(lambda tx: tx.gates.create(Gate("shop", trunk="trunk1", tested="t0")))
        made = self.store.transact_now(lambda tx: tx.landings.add("shop", "t0", "h", "ada@x.example", "Cart", "m", 1.0))
        testing = replace(made, state=State.TESTING, candidate="bad1")
        self.store.transact_now(lambda tx: tx.landings.update(testing, "gate", "x", 2.0))

    def now(self) -> float:
        """Always the same moment."""
        return NOW

    def wake(self) -> None:
        """Nothing runs here by itself."""

    async def answer(self, key: str, result: Mapping[str, Any]) -> bool:
        """As the engine's."""
        return (await self.store.transact(answer("shop", key, result, NOW))).counted

    def goes(self, state: State, kind: str, *, shadow: bool = False, failing: tuple[str, ...] = (TEST,)) -> None:
        """The landing comes into this state by a move of the gate."""

        def work(tx: Tx) -> None:
            snapshot = tx.snapshot("shop")
            wanted = replace(snapshot.landings[0], state=state, revert_kind=kind, failing=failing)
            effects = (effect_of(wanted, EffectKind.REVERT, shadow=shadow),) if state is State.REVERTING else ()
            apply(tx, snapshot, Move("x", landings=(wanted,), effects=effects), NOW)

        self.store.transact_now(work)

    def order(self, action: str, expect: int | None = None, **more: Any) -> Incident:
        """A person's order about the first incident; gives it as it is afterwards."""
        asyncio.run(order_incident(self, 1, Order(action, "eve", expect=expect, more=more)))  # type: ignore[arg-type]
        return self.incident

    @property
    def incident(self) -> Incident:
        """The first incident."""
        found = self.store.read_now(lambda tx: tx.incidents.get(1))
        assert found is not None
        return found

    @property
    def proofs(self) -> list[Intent]:
        """The proofs under way."""
        waiting = self.store.read_now(lambda tx: tx.outbox.unfinished("shop"))
        return [one for one in waiting if one.kind is EffectKind.PROOF]

    def advance(self) -> None:
        """Let the checks look at every proof once."""
        for intent in self.proofs:
            asyncio.run(self.checks.advance(intent, NOW))

    def ran(self, side: str, outcome: str) -> None:
        """A shard takes the test of this side and reports it."""
        (proof,) = self.proofs
        test = self.incident.test

        def work(tx: Tx) -> None:
            run = tx.runs.by_key(f"{proof.key}#{side}")
            assert run is not None
            assert [one.nid for one in tx.runs.tests(run.id)] == [test]
            tx.runs.take(run.id, "test-1", [test], NOW, NOW + 60)
            tx.runs.report(run.id, "test-1", [TestResult(test, outcome)], NOW)

        self.store.transact_now(work)


def landing(yard: Yard) -> Landing:
    """The landing now."""
    found = yard.store.read_now(lambda tx: tx.landings.get(1))
    assert found is not None
    return found


def test_a_rollback_and_its_revert_are_one_incident() -> None:
    """Named after what spoke against it; it knows the bad tree."""
    yard = Yard()
    yard.goes(State.ROLLING_BACK, "deploy", failing=("metric errors",))
    yard.goes(State.REVERTING, "deploy", failing=("metric errors",))
    found, total = yard.store.read_now(lambda tx: views.incidents_view(tx, Wanted("shop"), LENS))
    assert total == 1
    assert (found[0]["cause"], found[0]["subject"], found[0]["bad"]) == ("rollback", "metric errors", "bad1")
    assert (found[0]["test"], found[0]["can"]) == ("", ["answer", "name_test"])


@pytest.mark.parametrize(("kind", "shadow"), [("withdraw", False), ("dependent", False), ("test", True)])
def test_what_teaches_nothing_opens_nothing(kind: str, shadow: bool) -> None:
    """A withdrawal, what went along, and what a gate that only watches would have taken back."""
    yard = Yard()
    yard.goes(State.REVERTING, kind, shadow=shadow)
    assert yard.store.read_now(lambda tx: tx.incidents.get(1)) is None


def test_a_proof_is_two_runs_of_one_test_and_closes_the_incident() -> None:
    """The file of the test goes from trunk into the bad revision; both revisions are those of the record."""
    yard = Yard()
    yard.goes(State.REVERTING, "test")
    assert (yard.incident.cause, yard.incident.test) == (Cause.REVERT, TEST)
    with pytest.raises(ControlRefused, match="still being taken back"):
        yard.order("prove")
    yard.goes(State.REVERTED, "test")
    with pytest.raises(OutOfDate):
        yard.order("prove", expect=7)
    assert yard.order("prove", expect=0).state is Standing.PROVING
    yard.advance()
    yard.advance()
    builds = {one.key: one.payload for one in yard.store.read_now(lambda tx: tx.outbox.of_landings((1,)))}
    bad, trunk = ([one for key, one in builds.items() if f"proof/0#{side}#shard" in key] for side in ("bad", "trunk"))
    assert [one["revision"] for one in (*bad, *trunk)] == ["bad1", "trunk1"]
    given = bad[0]["properties"]
    assert (given["cd_from"], given["cd_from_path"]) == ("trunk1", "tests/test_cart.py")
    assert "cd_from" not in trunk[0]["properties"]
    yard.ran("bad", "failed")
    yard.advance()
    assert yard.incident.state is Standing.PROVING
    yard.ran("trunk", "passed")
    yard.advance()
    assert (yard.incident.state, yard.incident.closed_at) == (Standing.CLOSED, NOW)
    assert yard.proofs == []


def test_a_master_without_test_workers_says_that_nothing_can_be_run() -> None:
    """The incident is open again, with the reason."""
    yard = Yard(pool=())
    yard.goes(State.REVERTING, "test")
    yard.goes(State.REVERTED, "test")
    yard.order("prove")
    yard.advance()
    assert (yard.incident.state, yard.incident.proof["holds"]) == (Standing.OPEN, False)
    assert "names no workers for tests" in yard.incident.proof["says"]


def test_an_answer_that_comes_twice_counts_once() -> None:
    """The second is too late, and changes nothing."""
    yard = Yard()
    yard.goes(State.REVERTING, "test")
    yard.goes(State.REVERTED, "test")
    yard.order("prove")
    (proof,) = yard.proofs
    result = {"bad": {"outcome": "failed", "run": 1}, "trunk": {"outcome": "passed", "run": 2}, "trouble": ""}
    assert yard.store.transact_now(answer("shop", proof.key, result, NOW)).incident == yard.incident
    again = {**result, "trunk": {"outcome": "failed", "run": 2}}
    assert not yard.store.transact_now(answer("shop", proof.key, again, NOW)).counted
    assert yard.incident.state is Standing.CLOSED
    assert yard.store.read_now(lambda tx: tx.outbox.get(proof.key)).state is IntentState.DONE  # type: ignore[union-attr]


def test_an_incident_shows_what_happened_and_nobody() -> None:
    """Who pushed and who ordered are taken out of every text."""
    yard = Yard()
    by = replace(landing(yard), state=State.ROLLING_BACK, revert_kind="deploy", reason="rolled back by Eve: smoke")
    snapshot = yard.store.read_now(lambda tx: tx.snapshot("shop"))
    yard.store.transact_now(lambda tx: apply(tx, snapshot, Move("x", "eve", (by,)), NOW))
    yard.order("answer", why=2, text="the fixture hid it")
    shown = yard.store.read_now(lambda tx: views.incident_view(tx, 1, LENS))
    assert shown is not None
    assert [one["what"] for one in shown["timeline"]] == ["queued", "testing", "rolling back", "incident opened"]
    assert "rolled back by a person: smoke" in [one["text"] for one in shown["timeline"]]
    assert not {"eve", "ada"} & set(str(shown).lower().replace("'", " ").replace(":", " ").split())
    assert (shown["overdue"], shown["whys"][1], shown["landing"]) == (False, "the fixture hid it", 1)


@pytest.mark.parametrize(
    ("test", "path"),
    [
        (TEST, "tests/test_cart.py"),
        ("pytest:../../etc/x.py::t", ""),
        ("pytest:/etc/x.py::t", ""),
        ("pytest:-x.py::t", ""),
        ("phpunit:Cart::total", ""),
        ("pytest:nothing", ""),
    ],
)
def test_only_a_pytest_s_file_is_taken_from_trunk(test: str, path: str) -> None:
    """And only from within the repository."""
    assert file_of(test) == path


LENS = views.Lens(Policy(), NOW)


def test_an_escape_opens_one_incident_once_its_landing_is_known() -> None:
    """The landing's tested revision is the bad one, and the test that found it later is proposed."""
    yard = Yard()
    found = yard.store.transact_now(lambda tx: escaped(tx, "shop", 7, TEST, 1, NOW))
    assert found is not None
    assert (found.cause, found.landing, found.bad, found.test) == (Cause.ESCAPE, 1, "bad1", TEST)
    assert found.subject == "tests/test_cart.py::test_total"
    assert yard.store.transact_now(lambda tx: escaped(tx, "shop", 7, TEST, 1, NOW)) is None
    assert yard.store.transact_now(lambda tx: escaped(tx, "shop", 8, TEST, 99, NOW)) is None
