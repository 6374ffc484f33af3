# SPDX-License-Identifier: GPL-2.0-only
"""Readers: one consistent state, without waiting for writers and without holding them up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from buildbot_cd.core.landing.values import TERMINAL, Gate, State
from buildbot_cd.store import EngineStore, MemoryStore, Tx, upgrade
from buildbot_cd.store.schema import landing
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 20.0


def land(tx: Tx, head: str) -> int:
    """One more landing."""
    return tx.landings.add("shop", "b", head, "ada", "s", "m", 1.0).id


def test_a_reader_sees_what_was_there_and_does_not_wait_for_a_writer(engine: sa.Engine) -> None:
    """While a writer is in the middle, a reader answers at once with the state before it."""
    store = EngineStore(engine)
    store.transact_now(lambda tx: (tx.gates.create(Gate("shop")), land(tx, "h1")))
    written, read = threading.Event(), threading.Event()

    def write(tx: Tx) -> None:
        land(tx, "h2")
        written.set()
        assert read.wait(LIMIT), "the reader waited for the writer"

    writer = threading.Thread(target=store.transact_now, args=(write,))
    writer.start()
    assert written.wait(LIMIT)
    assert store.read_now(lambda tx: [one.head for one in tx.landings.open("shop")]) == ["h1"]
    read.set()
    writer.join(LIMIT)
    assert store.read_now(lambda tx: [one.head for one in tx.landings.open("shop")]) == ["h1", "h2"]


def test_a_reader_holds_no_writer_up_and_sees_one_state_to_its_end(engine: sa.Engine) -> None:
    """What a writer commits in the meantime is not seen by a reader that began before."""
    store = EngineStore(engine)
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))

    def look(tx: Tx) -> tuple[int, int]:
        before = len(tx.landings.open("shop"))
        writer = threading.Thread(target=store.transact_now, args=(lambda inner: land(inner, "h1"),))
        writer.start()
        writer.join(LIMIT)
        assert not writer.is_alive(), "the writer waited for the reader"
        return before, len(tx.landings.open("shop"))

    assert store.read_now(look) == (0, 0)
    assert store.read_now(lambda tx: len(tx.landings.open("shop"))) == 1


def test_what_a_reader_writes_is_not_kept(engine: sa.Engine) -> None:
    """A mistake in a read model changes nothing, in any of the stores."""
    for store in (EngineStore(engine), MemoryStore()):
        store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
        try:
            store.read_now(lambda tx: land(tx, "h1"))
        except sa.exc.DBAPIError as error:
            assert engine.dialect.name == "postgresql", error  # noqa: PT017 - it says so itself, the others forget
        assert store.read_now(lambda tx: tx.landings.open("shop")) == ()


def test_errors_of_a_reader_reach_the_caller(engine: sa.Engine) -> None:
    """As those of a writer do."""
    with pytest.raises(ZeroDivisionError):
        EngineStore(engine).read_now(lambda _tx: 1 // 0)


OPEN = tuple(state.value for state in State if state not in TERMINAL)
ENDED = tuple(state.value for state in TERMINAL)


LOOKS: dict[str, Callable[[Tx], object]] = {
    "open": lambda tx: tx.landings.open("shop"),
    "snapshot": lambda tx: tx.snapshot("shop"),
    "open ones": lambda tx: tx.landings.find(Wanted("shop", states=OPEN)),
    "page of ended ones": lambda tx: tx.landings.find(Wanted("shop", states=ENDED, limit=5, counted=False)),
    "page": lambda tx: tx.landings.find(Wanted("shop", limit=5, counted=False)),
    "ended lately": lambda tx: tx.landings.find(Wanted("shop", states=ENDED, since=1e6, counted=False)),
}


def test_what_is_read_all_the_time_does_not_grow_with_history(tmp_path: Path) -> None:
    """SQLite does as much work for it after three thousand landings as after three hundred."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/state.sqlite", poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)
    steps: list[int] = []

    def count(connection: Any, _record: object) -> None:
        connection.set_progress_handler(lambda: steps.append(1), 100)

    sa.event.listen(engine, "connect", count)
    store = EngineStore(engine)
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    store.transact_now(lambda tx: [land(tx, f"open{number}") for number in range(20)])

    def work(look: Callable[[Tx], object]) -> int:
        steps.clear()
        store.read_now(look)
        return len(steps)

    end(engine, range(100, 400))
    first = {name: work(look) for name, look in LOOKS.items()}
    end(engine, range(400, 3100))
    then = {name: work(look) for name, look in LOOKS.items()}
    assert {name: (first[name], number) for name, number in then.items() if number > 1.2 * first[name] + 10} == {}


def end(engine: sa.Engine, idents: range) -> None:
    """Landings that went live long ago, with these ids."""
    with engine.begin() as conn:
        row = dict(conn.execute(sa.select(landing).where(landing.c.id == 1)).one()._mapping)
        live = {**row, "state": "live", "since": 2.0}
        conn.execute(sa.insert(landing), [{**live, "id": ident, "head": f"h{ident}"} for ident in idents])
