# SPDX-License-Identifier: GPL-2.0-only
"""A change that breaks the repository's map, or the marks of its tests, is that change's own failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import EffectKind
from buildbot_cd.core.landing.verdict import FAILED, PASSED, UNKNOWN, Cause, classify
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.store.rows import PlannedTest, RunState
from tests.engine.answering import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import MemoryStore, Tx

KEY = "shop/1/confirm/1.0"
MAP = "map:.buildbot-cd.yaml"
WRONG, RIGHT, NOTHING = MAP, "t::a", ""


def second_look(**sides: str) -> tuple[Mapping[str, Any], MemoryStore]:
    """The answer after the plans of ``retry`` and ``base`` named this test, or were not made."""

    def plan(tx: Tx) -> None:
        for side, name in sides.items():
            part = tx.outbox.get(f"{KEY}#{side}-plan")
            assert part is not None
            run = part.payload["properties"]["cd_run"]
            if name:
                tx.runs.plan(run, [PlannedTest(name)], {}, None, 2.0)
            tx.outbox.finish(part.key, {"results": 2 if name != RIGHT else 0}, 2.0)

    asked = {"candidate": "h", "tested": "b", "failing": [MAP], "checks": "shop/1/checks/1.0"}
    return answered(EffectKind.CONFIRM, KEY, asked, CheckPlan(("w1", "w2"), (), "main"), plan)


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
