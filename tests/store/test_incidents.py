# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.incident import Cause, Incident, Standing
from buildbot_cd.errors import StaleVersion, StoreError
from buildbot_cd.store import EngineStore, MemoryStore
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from buildbot_cd.store import Tx

NEW = Incident(0, "shop/7", "shop", 7, Cause.ROLLBACK, "metric \x00errors", "b" * 40, 100.0, 200.0)


@pytest.fixture(params=["memory", "database"])
def store(request: pytest.FixtureRequest, engine: sa.Engine) -> MemoryStore | EngineStore:
    """Both stores, which must agree."""
    return MemoryStore() if request.param == "memory" else EngineStore(engine)


def test_an_incident_is_opened_once_for_its_key(store: MemoryStore | EngineStore) -> None:
    """The second time gives the first record back, as it stands by then."""

    def work(tx: Tx) -> None:
        first, fresh = tx.incidents.open(NEW)
        assert (first.id, fresh, first.subject) == (1, True, "metric \ufffderrors")
        changed = tx.incidents.update(replace(first, test="pytest:a", subject="another"))
        assert (changed.version, changed.test, changed.subject) == (1, "pytest:a", first.subject)
        assert tx.incidents.open(replace(NEW, subject="x")) == (changed, False)
        assert tx.incidents.open(replace(NEW, key="shop/8", landing=8))[0].id == 2
        assert [one.id for one in tx.incidents.of_landing(7)] == [1]
        assert tx.incidents.get(9) is None
        assert tx.incidents.get(2**70) is None

    store.transact_now(work)


def test_answers_and_proof_come_back_as_they_were_written(store: MemoryStore | EngineStore) -> None:
    """And a version that is over is refused, as is an incident that there is not."""
    wanted = store.transact_now(lambda tx: tx.incidents.open(NEW)[0])
    proof = {"bad": {"revision": "b", "outcome": "failed", "run": 3}, "holds": True}
    closed = replace(wanted, whys=("a", "", "", "", "\x00"), proof=proof, state=Standing.CLOSED, closed_at=9.5)
    store.transact_now(lambda tx: tx.incidents.update(closed))
    found = store.read_now(lambda tx: tx.incidents.get(1))
    assert found == replace(closed, whys=("a", "", "", "", "\ufffd"), version=1)
    with pytest.raises(StaleVersion):
        store.transact_now(lambda tx: tx.incidents.update(closed))
    with pytest.raises(StoreError):
        store.transact_now(lambda tx: tx.incidents.update(replace(closed, id=5)))


def test_incidents_are_found_by_gate_state_and_landing(store: MemoryStore | EngineStore) -> None:
    """Newest first, with the number of all; overdue are those that should have closed."""

    def fill(tx: Tx) -> None:
        for number in range(1, 6):
            made = tx.incidents.open(replace(NEW, key=f"shop/{number}", landing=number, due_at=100.0 * number))[0]
            if number == 2:
                tx.incidents.update(replace(made, state=Standing.CLOSED))
        tx.incidents.open(replace(NEW, key="other/1", gate="other"))

    store.transact_now(fill)
    rows, total = store.read_now(lambda tx: tx.incidents.find(Wanted("shop", states=("open",), limit=2)))
    assert ([one.id for one in rows], total) == ([5, 4], 4)
    assert [one.id for one in store.read_now(lambda tx: tx.incidents.find(Wanted(landing=3)))[0]] == [3]
    assert store.read_now(lambda tx: tx.incidents.overdue("shop", 350.0)) == 2
