# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.core.landing.values import EffectKind, Gate
from buildbot_cd.engine.apply import ask_look
from buildbot_cd.store.interface import Tx
from buildbot_cd.store.memory import MemoryStore


def looks(tx: Tx) -> list[str]:
    """The keys of the looks that are not finished."""
    return [one.key for one in tx.outbox.unfinished("trunk") if one.kind is EffectKind.OBSERVE]


def test_looks_at_trunk_never_pile_up() -> None:
    """However often is asked, at most one look runs and one waits; the regular look is content with either."""
    store = MemoryStore()
    store.transact_now(lambda tx: tx.gates.create(Gate("trunk")))
    assert store.transact_now(ask_look("trunk", 1.0, "regular", news=False))
    assert not store.transact_now(ask_look("trunk", 2.0, "a push"))
    (first,) = store.transact_now(looks)
    store.transact_now(lambda tx: tx.outbox.start(first, 3.0, None))
    assert not store.transact_now(ask_look("trunk", 4.0, "regular", news=False))
    assert store.transact_now(ask_look("trunk", 5.0, "a push"))
    second = store.transact_now(looks)[1]
    store.transact_now(lambda tx: tx.outbox.start(second, 6.0, None))
    for at in range(7, 20):
        assert not store.transact_now(ask_look("trunk", float(at), "a push"))
    store.transact_now(lambda tx: tx.outbox.finish(first, {}, 20.0))
    assert store.transact_now(ask_look("trunk", 21.0, "a push"))
