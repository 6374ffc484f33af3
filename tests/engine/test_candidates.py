# SPDX-License-Identifier: GPL-2.0-only
"""Refs of candidates that were built, and when they go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.moves import Move
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, State
from buildbot_cd.engine.apply import apply
from buildbot_cd.store import MemoryStore

if TYPE_CHECKING:
    from buildbot_cd.store import Tx


def land(store: MemoryStore, head: str, candidates: tuple[str, ...], state: State = State.DEPLOYING) -> int:
    """A landing that had these candidates, one an attempt."""

    def add(tx: Tx) -> int:
        made = tx.landings.add("shop", "b", head, "ada", "s", "m", 1.0)
        for attempt, sha in enumerate(candidates, 1):
            key = f"shop/{made.id}/candidate/{attempt}.0"
            tx.outbox.put("shop", made.id, Effect(EffectKind.CANDIDATE, key, {}), 0, 1.0)
            tx.outbox.finish(key, {"sha": sha, "synthetic": sha != head}, 1.0)
        now = replace(made, state=state, attempt=len(candidates), candidate=candidates[-1])
        tx.landings.update(now, "gate", "x", 1.0)
        return made.id

    return store.transact_now(add)


def ends(store: MemoryStore, ident: int, state: State = State.LIVE, **gate: str) -> list[tuple[str, str]]:
    """The landing ends, and the gate moves on; the refs that are deleted by now, with the value that they had."""

    def end(tx: Tx) -> None:
        snapshot = tx.snapshot("shop")
        one = snapshot.landing(ident)
        assert one is not None
        moved = replace(snapshot.gate, **gate) if gate else None
        apply(tx, snapshot, Move("ended", landings=(replace(one, state=state),), gate=moved), 2.0)

    store.transact_now(end)
    waiting = store.transact_now(lambda tx: tx.outbox.unfinished("shop"))
    return [(one.payload["ref"].removeprefix("refs/cd/candidate/"), one.payload["old"]) for one in waiting]


def shop() -> MemoryStore:
    """A gate without landings."""
    store = MemoryStore()
    store.transact_now(lambda tx: tx.gates.create(Gate("shop", tested="t", live="t")))
    return store


def test_a_candidates_ref_goes_when_nothing_rests_on_it() -> None:
    """It stays while it is tested or live, and goes when the next landing is; each attempt has its own."""
    store = shop()
    first = land(store, "h1", ("k1", "k2"))
    assert ends(store, first, tested="k2", live="k2") == [("1-1", "k1")]
    second = land(store, "h2", ("h2",))
    assert ends(store, second, tested="h2", live="h2") == [("1-1", "k1"), ("1-2", "k2")]


def test_the_ref_of_a_landing_that_was_taken_back_goes_at_once() -> None:
    """Nobody builds it any more."""
    store = shop()
    assert ends(store, land(store, "h1", ("k1",)), State.REVERTED) == [("1-1", "k1")]


def test_an_open_landings_candidate_stays() -> None:
    """Also one that is retested: what it has now is kept until it has ended."""
    store = shop()
    land(store, "h1", ("k1",), State.TESTING)
    assert ends(store, land(store, "h2", ("h2",)), State.REVERTED) == []


def test_a_pushed_commit_has_no_ref_to_delete() -> None:
    """In the all-green case nothing was built."""
    store = shop()
    assert ends(store, land(store, "h1", ("h1",)), tested="h1", live="h1") == []
