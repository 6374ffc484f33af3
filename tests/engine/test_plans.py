# SPDX-License-Identifier: GPL-2.0-only
"""A change that breaks the repository's map, or the marks of its tests, is that change's own failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate
from buildbot_cd.core.landing.verdict import FAILED, PASSED, UNKNOWN, Cause, classify
from buildbot_cd.engine.checks import CheckPlan, Checks
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest, RunState
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

KEY = "shop/1/confirm/1.0"
MAP = "map:.buildbot-cd.yaml"
WRONG, RIGHT, NOTHING = MAP, "t::a", ""


def second_look(**sides: str) -> tuple[Mapping[str, Any], MemoryStore]:
    """The answer after the plans of ``retry`` and ``base`` named this test, or were not made."""
    store = MemoryStore()
    answers: list[Mapping[str, Any]] = []

    async def answer(_key: str, result: Mapping[str, Any]) -> bool:
        answers.append(result)
        return True

    def begin(tx: Tx) -> None:
        tx.gates.create(Gate("shop"))
        made = tx.landings.add("shop", "b", "h", "ada", "s", "m", 1.0)
        asked = {"candidate": "h", "tested": "b", "failing": [MAP], "checks": "shop/1/checks/1.0"}
        tx.outbox.put("shop", made.id, Effect(EffectKind.CONFIRM, KEY, asked), 0, 1.0)

    def plan(tx: Tx) -> None:
        for side, name in sides.items():
            part = tx.outbox.get(f"{KEY}#{side}-plan")
            assert part is not None
            run = part.payload["properties"]["cd_run"]
            if name:
                tx.runs.plan(run, [PlannedTest(name)], {}, None, 2.0)
            tx.outbox.finish(part.key, {"results": 2 if name != RIGHT else 0}, 2.0)

    store.transact_now(begin)
    checks = Checks(store, CheckPlan(("w1", "w2"), (), "main"), answer)
    for step in (lambda _tx: None, plan):
        store.transact_now(step)
        intent = store.transact_now(lambda tx: tx.outbox.get(KEY))
        assert intent is not None
        finish(checks.advance(intent, 2.0))
    return answers[-1], store


@pytest.mark.parametrize(
    ("retry", "base", "words", "cause"),
    [
        (WRONG, RIGHT, (FAILED, PASSED), Cause.REAL),
        (WRONG, WRONG, (FAILED, FAILED), Cause.SURROUNDINGS),
        (RIGHT, RIGHT, (UNKNOWN, PASSED), Cause.UNDECIDED),
        (NOTHING, RIGHT, (UNKNOWN, PASSED), Cause.UNDECIDED),
        (WRONG, NOTHING, (FAILED, UNKNOWN), Cause.UNDECIDED),
    ],
)
def test_a_plan_is_made_again_on_both_sides(retry: str, base: str, words: tuple[str, str], cause: Cause) -> None:
    """Wrong twice and right before: it is the change. Right the second time is no pass, since no test has run."""
    said, store = second_look(retry=retry, base=base)
    assert (said["retry"], said["base"]) == ({MAP: words[0]}, {MAP: words[1]})
    assert classify((MAP,), said["retry"], said["base"]).cause is cause
    for side, name in (("retry", retry), ("base", base)):
        run = store.read_now(lambda tx, side=side: tx.runs.by_key(f"{KEY}#{side}-plan"))  # type: ignore[misc]
        assert run is not None
        assert run.state is (RunState.DONE if name else RunState.PLANNING)


def test_each_side_is_planned_on_its_own_revision() -> None:
    """As the gate's own plan is: with the push's range, on the candidate and on the tested revision."""
    _, store = second_look(retry=WRONG, base=RIGHT)
    parts = {one.key: one.payload for one in store.read_now(lambda tx: tx.outbox.of_landings([1])) if "#" in one.key}
    assert {key.split("#")[1]: part["revision"] for key, part in parts.items()} == {"retry-plan": "h", "base-plan": "b"}
    for part in parts.values():
        assert part["builder"] == "cd-plan"
        assert part["properties"]["cd_range"] == {"base": "b", "head": "h", "message": "m"}
