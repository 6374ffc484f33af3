# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing.people import Push
from buildbot_cd.core.landing.trust import Flakiness, Quarantine, Reverts
from buildbot_cd.core.landing.values import Gate, State
from buildbot_cd.store import EngineStore, MemoryStore

if TYPE_CHECKING:
    import sqlalchemy as sa

    from buildbot_cd.store import Tx


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, engine: sa.Engine) -> MemoryStore | EngineStore:
    """Both stores, which must agree."""
    return MemoryStore() if request.param == "memory" else EngineStore(engine)


def test_a_flake_counts_once_for_each_landing(store: MemoryStore | EngineStore) -> None:
    """The most often flaking test comes first; runs are those of which a duration was learnt."""

    def fill(tx: Tx) -> None:
        tx.durations.put("shop", {"t::a": (200.0, 1.0, 0.0)})
        assert tx.trust.flaked("shop", "t::a", 1, 10.0)
        assert not tx.trust.flaked("shop", "t::a", 1, 20.0)
        assert tx.trust.flaked("shop", "t::a", 2, 30.0)
        assert tx.trust.flaked("shop", "t::b\x00", 2, 30.0)
        assert tx.trust.flaked("other", "t::a", 9, 30.0)

    store.transact_now(fill)
    found = store.transact_now(lambda tx: tx.trust.flakes("shop", 0.0))
    assert found == (Flakiness("t::a", 2, 200.0, 10.0, 30.0), Flakiness("t::b\ufffd", 1, 0.0, 30.0, 30.0))
    assert [one.rate for one in found] == [0.01, 1.0]
    assert [one.flakes for one in store.transact_now(lambda tx: tx.trust.flakes("shop", 10.0))] == [1, 1]


def test_a_quarantine_ends_by_its_time_or_by_a_person(store: MemoryStore | EngineStore) -> None:
    """A second order for a test replaces the first."""
    first = Quarantine("t::a", "ada", "waits for the clock", "oscar", 1.0, 100.0)
    longer = replace(first, until=200.0, reason="\x00")

    def work(tx: Tx) -> tuple[Quarantine, ...]:
        tx.trust.quarantine("shop", first)
        tx.trust.quarantine("shop", longer)
        tx.trust.quarantine("shop", replace(first, test="t::b"))
        return tx.trust.quarantined("shop", 50.0)

    assert [(one.test, one.until, one.reason) for one in store.transact_now(work)] == [
        ("t::a", 200.0, "\ufffd"),
        ("t::b", 100.0, "waits for the clock"),
    ]
    assert [one.test for one in store.transact_now(lambda tx: tx.trust.quarantined("shop", 100.0))] == ["t::a"]
    assert store.transact_now(lambda tx: (tx.trust.release("shop", "t::a"), tx.trust.release("shop", "t::a"))) == (
        True,
        False,
    )
    assert store.transact_now(lambda tx: tx.trust.quarantined("shop", 100.0)) == ()


def test_the_share_of_wrong_reverts_counts_what_the_gate_judged(store: MemoryStore | EngineStore) -> None:
    """Withdrawals and what went along with others are neither right nor wrong."""

    def fill(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        for number, kind in enumerate(["test", "deploy", "withdraw", "dependent", "test"], 1):
            made = tx.landings.add("shop", "b", f"h{number}", "ada", "s", "", 1.0)
            gone = replace(made, state=State.REVERTED, revert_kind=kind, since=float(number))
            tx.landings.update(gone, "gate", "because", float(number))
        assert tx.trust.call_wrong(1, "bob", "the runner was broken", 9.0)
        assert not tx.trust.call_wrong(1, "eve", "again", 10.0)

    store.transact_now(fill)
    assert store.transact_now(lambda tx: tx.trust.reverts("shop", 0.0)) == Reverts(3, 1)
    assert store.transact_now(lambda tx: tx.trust.reverts("shop", 1.0)) == Reverts(2, 0)
    assert store.transact_now(lambda tx: tx.trust.reverts("none", 0.0)).false_rate is None
    assert store.transact_now(lambda tx: [tx.trust.called_wrong(one) for one in (1, 2, -1)]) == [True, False, False]


def test_the_first_word_on_a_push_stays(store: MemoryStore | EngineStore) -> None:
    """A hook that tells twice, or somebody who tells after it, changes nothing."""
    push = Push("a", "b\x00", "ada", {"cd.emergency": "INC-1"})

    def work(tx: Tx) -> tuple[Push, ...]:
        assert tx.pushes.record("shop", push, 1.0)
        assert not tx.pushes.record("shop", replace(push, who="eve"), 2.0)
        assert tx.pushes.record("shop", Push("b", "c", "bob"), 3.0)
        return tx.pushes.of_heads("shop", ["c", "b\x00", "zzz"])

    assert store.transact_now(work) == (Push("b", "c", "bob"), replace(push, head="b\ufffd"))


def test_the_newest_landing_taken_back_is_found_by_patch_or_by_commit(store: MemoryStore | EngineStore) -> None:
    """Only those that were reverted; no patch is like no other."""

    def fill(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        kinds = [("p", "reverted"), ("p", "reverted"), ("", "reverted"), ("p", "live")]
        for number, (patch, state) in enumerate(kinds):
            more = {"patch": patch, "relands": 7, "emergency": "e"}
            made = tx.landings.add("shop", "b", f"h{number}", "ada", "s", "", 1.0, **more)  # type: ignore[arg-type]
            assert (made.patch, made.relands, made.emergency) == (patch, 7, "e")
            tx.landings.update(replace(made, state=State(state)), "gate", "because", 1.0)

    store.transact_now(fill)

    def find(patch: str, *heads: str) -> int | None:
        found = store.transact_now(lambda tx: tx.landings.taken_back("shop", patch, heads))
        return None if found is None else found.id

    assert (find("p"), find("p", "h2"), find("", "h0")) == (2, 3, 1)
    assert (find(""), find("q"), find("", "h3")) == (None, None, None)


def test_what_was_stressed_is_noted_once(store: MemoryStore | EngineStore) -> None:
    """A gate that has noted nothing yet says so; names are compared as the database keeps them."""
    ask = ["t::a", "t::b\x00", "t::c"]
    assert store.transact_now(lambda tx: tx.trust.unstressed("shop", ask)) is None
    store.transact_now(lambda tx: tx.trust.note_stressed("shop", ["t::a", "t::a", "t::b\x00"], 1, 10, 5.0))
    store.transact_now(lambda tx: tx.trust.note_stressed("shop", ["t::a"], 2, 20, 6.0))
    assert store.transact_now(lambda tx: tx.trust.unstressed("shop", ask)) == {"t::c"}
    assert store.transact_now(lambda tx: tx.trust.unstressed("shop", [])) == frozenset()
    many = [f"t::{number}" for number in range(1200)]
    assert store.transact_now(lambda tx: tx.trust.unstressed("shop", [*many, "t::a"])) == set(many)
    assert store.transact_now(lambda tx: tx.trust.unstressed("other", ask)) is None
