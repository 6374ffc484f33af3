# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.selection import Entry
from buildbot_cd.core.selection.budget import Catch
from buildbot_cd.core.selection.cofailure import HALF_LIFE
from buildbot_cd.store import EngineStore, MemoryStore

if TYPE_CHECKING:
    import sqlalchemy as sa

    from buildbot_cd.store import Tx


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, engine: sa.Engine) -> MemoryStore | EngineStore:
    """Both stores, which must agree."""
    return MemoryStore() if request.param == "memory" else EngineStore(engine)


def test_the_map_is_written_over_and_has_a_version(store: MemoryStore | EngineStore) -> None:
    """What a test ran last counts; gates are apart; tests that are gone are forgotten."""

    def fill(tx: Tx) -> None:
        assert tx.learnt.map_version("shop") == (0, None)
        tx.learnt.put_map("shop", {"t::a": b"1234", "t::b\x00": b""}, 10.0)
        tx.learnt.put_map("shop", {"t::a": b"5678\x00\xff\xfe\x01"}, 20.0)
        tx.learnt.put_map("other", {"t::a": b"0000"}, 30.0)

    store.transact_now(fill)
    assert store.transact_now(lambda tx: tx.learnt.get_map("shop")) == {
        "t::a": Entry(b"5678\x00\xff\xfe\x01", 20.0),
        "t::b\ufffd": Entry(b"", 10.0),
    }
    assert store.transact_now(lambda tx: tx.learnt.entry("shop", "t::b\x00")) == Entry(b"", 10.0)
    assert store.transact_now(lambda tx: tx.learnt.entry("shop", "t::c")) is None
    assert store.transact_now(lambda tx: tx.learnt.map_version("shop")) == (2, 20.0)
    assert store.transact_now(lambda tx: tx.learnt.map_ages("shop")) == {"t::a": 20.0, "t::b\ufffd": 10.0}
    store.transact_now(lambda tx: tx.learnt.forget("shop", [f"t::{one}" for one in range(1200)] + ["t::a"]))
    assert store.transact_now(lambda tx: list(tx.learnt.get_map("shop"))) == ["t::b\ufffd"]
    assert store.transact_now(lambda tx: list(tx.learnt.get_map("other"))) == ["t::a"]


def test_failures_are_counted_by_file(store: MemoryStore | EngineStore) -> None:
    """A change of two files counts half with each; counts fade to half in ninety days before one is added."""

    def fill(tx: Tx) -> None:
        tx.learnt.changed("shop", ["a.py", "b.py"], 0.0)
        tx.learnt.failed("shop", ["a.py", "b.py"], ["t::a"], 0.0)
        tx.learnt.changed("shop", ["a.py"], HALF_LIFE)
        tx.learnt.failed("shop", ["a.py"], ["t::a", "t::b\x00"], HALF_LIFE)
        tx.learnt.failed("other", ["a.py"], ["t::a"], 0.0)

    store.transact_now(fill)
    found = store.transact_now(lambda tx: tx.learnt.history("shop", ["a.py", "b.py", "c.py"]))
    assert found == {
        "a.py": {"": (1.5, HALF_LIFE), "t::a": (1.25, HALF_LIFE), "t::b\ufffd": (1.0, HALF_LIFE)},
        "b.py": {"": (1.0, 0.0), "t::a": (0.5, 0.0)},
    }


def test_a_run_is_caught_once(store: MemoryStore | EngineStore) -> None:
    """The first call counts; those after a moment come oldest first."""

    def fill(tx: Tx) -> None:
        tx.learnt.caught("shop", Catch(2, 20.0, 5.0, 9.0))
        tx.learnt.caught("shop", Catch(2, 30.0, 1.0, 9.0))
        tx.learnt.caught("shop", Catch(1, 10.0, 6.0, 9.0))

    store.transact_now(fill)
    assert store.transact_now(lambda tx: tx.learnt.catches("shop", 0.0)) == (
        Catch(1, 10.0, 6.0, 9.0),
        Catch(2, 20.0, 5.0, 9.0),
    )
    assert [one.run for one in store.transact_now(lambda tx: tx.learnt.catches("shop", 10.0))] == [2]
