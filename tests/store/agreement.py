# SPDX-License-Identifier: GPL-2.0-only
"""What the machines have in common that hold the memory store equal to the SQL store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from buildbot_cd.core.dispatch.offer import Window
from buildbot_cd.errors import CdError
from buildbot_cd.store import EngineStore, MemoryStore
from buildbot_cd.store.rows import PlannedTest, TestResult
from buildbot_cd.store.schema import metadata
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.store import Tx

GATES = st.sampled_from(["shop", "blog\x00"])
IDS = st.one_of(st.integers(1, 6), st.sampled_from([0, -1, 2**70]))
RUNS = st.sampled_from([1, 1, 1, 1, 1, 2, 2, 3, 2**70])
SHAS = st.sampled_from(["a1", "b2", "c3", "d4"])
TEXTS = st.one_of(st.sampled_from(["", "plain", "it's", "\x00", "\ud800", "%s {}", "日本"]), st.text(max_size=8))
TIMES = st.integers(0, 20).map(float)
KEYS = st.sampled_from(["k1", "k2", "k3", "k4\x00"])
NIDS = st.sampled_from(["t1", "t2", "t3", "t4", "t5"])
WINDOWS = st.builds(Window, st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 2.0]))
WORKERS = st.sampled_from(["w1", "w2"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), TEXTS)
JSON = st.dictionaries(st.sampled_from(["a", "b", "\x00"]), st.one_of(SCALARS, st.lists(SCALARS, max_size=3)))
WANTED = st.builds(
    Wanted,
    gate=st.none() | GATES,
    states=st.none() | st.lists(st.sampled_from(["queued", "live", "done", "staging"]), max_size=3).map(tuple),
    above=st.none() | IDS,
    below=st.none() | IDS,
    newest_first=st.booleans(),
    limit=st.integers(-1, 3),
    offset=st.integers(-1, 2),
    counted=st.booleans(),
)
TESTS = st.lists(
    st.builds(
        PlannedTest,
        NIDS,
        st.sampled_from([0.5, 1.0, 4.0]),
        st.sampled_from([0.0, 1.0, 2.0]),
        st.lists(st.one_of(NIDS, st.just("elsewhere")), max_size=2).map(tuple),
        st.sampled_from([None, "db"]),
        st.sampled_from([None, "w1"]),
    ),
    max_size=5,
    unique_by=lambda test: test.nid,
)
CHAINS = st.tuples(
    *[
        st.builds(
            PlannedTest,
            st.just(f"t{number}"),
            st.sampled_from([0.5, 4.0]),
            st.sampled_from([0.0, 1.0]),
            st.lists(st.sampled_from([f"t{one}" for one in range(1, number)] or ["elsewhere"]), max_size=2).map(tuple),
            st.none(),
            st.sampled_from([None, "w1"]),
        )
        for number in range(1, 6)
    ]
).map(list)
"""A run whose tests require earlier ones."""
RESULTS = st.lists(
    st.builds(TestResult, NIDS, st.sampled_from(["passed", "passed", "skipped", "failed"]), st.just(0.5), TEXTS),
    max_size=3,
)


class Abandoned(Exception):
    """Raised on purpose, to roll back."""


class Agreement(RuleBasedStateMachine):
    """Both stores, side by side."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as conn:
            for table in metadata.sorted_tables:
                conn.execute(sa.delete(table))
        self.stores = (MemoryStore(), EngineStore(self.engine))

    def same(self, fn: Callable[[Tx], Any]) -> Any:
        """What both give; errors count by type and text."""
        one, other = (outcome(store, fn) for store in self.stores)
        assert one == other
        return one

    def same_read(self, fn: Callable[[Tx], Any]) -> None:
        """What both give to a reader."""
        one, other = (store.read_now(fn) for store in self.stores)
        assert one == other


def outcome(store: MemoryStore | EngineStore, fn: Callable[[Tx], Any]) -> tuple[str, Any]:
    """What a transaction gave, or what it raised."""
    try:
        return "gave", store.transact_now(fn)
    except (CdError, Abandoned) as error:
        return "raised", (type(error), str(error))


def agree(engine: sa.Engine, part: type[Agreement]) -> None:
    """Search for an order of operations in which the two differ."""
    machine = type("Machine", (part,), {"engine": engine})
    examples = 50 if engine.dialect.name == "sqlite" else 20
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))
