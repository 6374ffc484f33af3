# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.core.landing.moves import mark
from buildbot_cd.core.landing.values import Gate
from buildbot_cd.engine.apply import answer
from buildbot_cd.store import MemoryStore


@pytest.mark.parametrize(("tested", "again"), [("new", True), ("newer", False)])
@pytest.mark.parametrize("found", [None, "elsewhere"])
def test_a_ref_that_stands_elsewhere_is_set_from_there(found: str | None, tested: str, again: bool) -> None:
    """As at the first mark of all, when there is no ref; but not if the gate has gone on meanwhile."""
    store = MemoryStore()
    store.transact_now(lambda tx: tx.gates.create(Gate("shop", tested=tested)))
    _, effect = mark(Gate("shop"), "tested", "new", "old")
    store.transact_now(lambda tx: tx.outbox.put("shop", None, effect, 0, 1.0))
    store.transact_now(answer("shop", effect.key, {"stale": found}, 2.0))
    waiting = store.transact_now(lambda tx: tx.outbox.unfinished("shop"))
    assert [dict(one.payload) for one in waiting] == (
        [{"ref": "refs/cd/tested", "new": "new", "old": found}] if again else []
    )
    for one in waiting:
        store.transact_now(answer("shop", one.key, {"stale": found}, 3.0))
    assert store.transact_now(lambda tx: tx.outbox.unfinished("shop")) == ()
