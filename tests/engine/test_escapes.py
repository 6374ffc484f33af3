# SPDX-License-Identifier: GPL-2.0-only
"""The search for a culprit begins with what the selector knew, and its end is told to people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from buildbot_cd.core.backstop import Limits
from buildbot_cd.core.landing.values import EffectKind, Gate, State
from buildbot_cd.core.selection.function_map import FILE, key
from buildbot_cd.engine.backstop import Backstop, Plan
from buildbot_cd.engine.escapes import PRIOR, Search, escaped
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import Escape, EscapeState, PlannedTest, TestResult
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from buildbot_cd.store import Tx

TEST = "pytest:tests/test_tax.py::test_rate"
FILES = (["docs/a.md"], ["shop/tax.py"], ["shop/cart.py"])


def found(store: MemoryStore, near: dict[str, Any] | None = None) -> Escape:
    """An escape among three landings, of which the second changed a file that the test runs."""

    def fill(tx: Tx) -> Escape:
        tx.gates.create(Gate("shop", tested="h3"))
        for number, files in enumerate(FILES, 1):
            made = tx.landings.add("shop", f"h{number - 1}", f"h{number}", "ada", f"change {number}", "m", 1.0)
            tx.landings.update(replace(made, state=State.LIVE), "", "", 1.0)
            run = tx.runs.create(f"shop/{number}/checks", "shop", made.id, "gate", f"h{number}", 1.0)
            tx.runs.plan(run.id, [], {"files": files, "near": near or {}, "chosen": [], "left_out": []}, None, 1.0)
        tx.learnt.put_map("shop", {TEST: np.array([key("shop/tax.py", FILE)], dtype="<u4").tobytes()}, 1.0)
        run = tx.runs.create("shop/backstop/1", "shop", None, "backstop", "h3", 2.0)
        tx.runs.plan(run.id, [PlannedTest(TEST)], {"chosen": [], "left_out": []}, None, 2.0)
        tx.runs.report(run.id, "w1", [TestResult(TEST, "failed")], 3.0)
        (escape,) = escaped(tx, gate_of(tx), run, 3.0)
        return escape

    return store.transact_now(fill)


def gate_of(tx: Tx) -> Gate:
    """The one that there is."""
    gate = tx.gates.get("shop")
    assert gate is not None
    return gate


def test_a_landing_that_changed_what_the_test_ran_is_suspected_first() -> None:
    """Before anything ran; none is left out."""
    first, second, third = found(MemoryStore()).told[PRIOR]
    assert second > 5 * first
    assert first == third > 0


def test_what_the_selection_reckoned_of_a_test_that_it_left_out_counts() -> None:
    """It says more than the names of files."""
    assert all(one > 0.8 for one in found(MemoryStore(), {TEST: 0.9}).told[PRIOR])


def test_people_hear_of_the_landing_once_with_the_rule_that_is_proposed() -> None:
    """The message is about the change; what the search knew stays with the escape."""
    store = MemoryStore()
    escape = found(store)
    store.transact_now(
        lambda tx: tx.escapes.update(replace(escape, state=EscapeState.EXPLAINING, culprit=escape.suspects[1]))
    )
    plan = Plan(0, 0, Search(Limits(), ("w1",), "main"))
    backstop = Backstop(store, "shop", plan, lambda: 9.0, lambda _: None, lambda _: None)
    for first in (True, False):
        told = {"patch": "--- a", "rule": "- {}"}
        assert finish(backstop.explained(escape.id, "missing tag tax on landing 2", told)) is first
    (intent,) = store.transact_now(lambda tx: tx.outbox.unfinished("shop"))
    assert (intent.kind, intent.landing) == (EffectKind.NOTIFY, escape.suspects[1])
    assert intent.payload["what"] == "escaped"
    assert "missing tag tax on landing 2" in intent.payload["reason"]
    assert f"escapes {escape.id} --patch" in intent.payload["reason"]
    ended = store.transact_now(lambda tx: tx.escapes.get(escape.id))
    assert ended is not None
    assert (len(ended.told[PRIOR]), ended.told["rule"]) == (3, "- {}")
