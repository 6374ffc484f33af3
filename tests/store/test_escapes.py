# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.errors import StaleVersion, StoreError
from buildbot_cd.store import EngineStore, MemoryStore
from buildbot_cd.store.rows import Escape, EscapeState

if TYPE_CHECKING:
    import sqlalchemy as sa

    from buildbot_cd.store import Tx


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, engine: sa.Engine) -> MemoryStore | EngineStore:
    """Both stores, which must agree."""
    return MemoryStore() if request.param == "memory" else EngineStore(engine)


def test_an_escape_is_kept_as_it_is_written(store: MemoryStore | EngineStore) -> None:
    """What came with it stays; texts that no database holds are cleaned; the open ones are those without an end."""

    def fill(tx: Tx) -> Escape:
        made = tx.escapes.add("shop", "t::a\x00", 7, 1.0, "base", [3, 5])
        tx.escapes.add("shop", "t::b", 7, 2.0, "base", [])
        tx.escapes.add("other", "t::a\x00", 8, 2.0, "base", [1])
        probes = ((2, 9, "failed"), (0, 10, None))
        told = {"rule": "- {}", "files": ("a",)}
        changed = replace(made, test="x", state=EscapeState.EXPLAINING, probes=probes, culprit=5, told=told)
        return tx.escapes.update(replace(changed, probability=0.995, reason="\x00"))

    kept = store.transact_now(fill)
    found = store.transact_now(lambda tx: tx.escapes.get(1))
    assert found == kept
    assert kept.test == "t::a\ufffd"
    assert (kept.suspects, kept.probes) == ((3, 5), ((2, 9, "failed"), (0, 10, None)))
    assert (kept.told, kept.reason, kept.version) == ({"rule": "- {}", "files": ["a"]}, "\ufffd", 1)
    assert store.transact_now(lambda tx: [one.id for one in tx.escapes.open("shop")]) == [1, 2]
    ended = replace(kept, state=EscapeState.FOUND, ended_at=9.0)
    store.transact_now(lambda tx: tx.escapes.update(ended))
    assert store.transact_now(lambda tx: [one.id for one in tx.escapes.open("shop")]) == [2]
    assert store.transact_now(lambda tx: [one.id for one in tx.escapes.recent("shop", 9)]) == [2, 1]
    newest = store.transact_now(lambda tx: (tx.escapes.of_test("shop", "t::a\x00"), tx.escapes.of_test("shop", "none")))
    assert newest == (replace(ended, version=2), None)


def test_an_escape_that_was_changed_meanwhile_is_not_overwritten(store: MemoryStore | EngineStore) -> None:
    """And one that is not there is an error."""
    made = store.transact_now(lambda tx: tx.escapes.add("shop", "t", 1, 1.0, "b", [1]))
    store.transact_now(lambda tx: tx.escapes.update(made))
    with pytest.raises(StaleVersion, match="at version 1, not 0"):
        store.transact_now(lambda tx: tx.escapes.update(made))
    with pytest.raises(StoreError, match="no escape 99"):
        store.transact_now(lambda tx: tx.escapes.update(replace(made, id=99)))
