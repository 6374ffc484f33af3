# SPDX-License-Identifier: GPL-2.0-only
"""The second look at what failed, from rows of its runs to the words that the verdict reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.values import EffectKind
from buildbot_cd.core.landing.verdict import Cause, classify
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.store.rows import TestResult
from tests.engine.answering import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

KEY = "shop/1/confirm/1.0"
TEST = "t::at[2026-11-24 18:16:43]"


def second_look(retry: str, base: str) -> Mapping[str, Any]:
    """The answer after one test had these outcomes on another worker and on the tested revision."""

    def report(tx: Tx) -> None:
        for side, outcome in (("retry", retry), ("base", base)):
            run = tx.runs.by_key(f"{KEY}#{side}")
            assert run is not None
            tx.runs.report(run.id, "w1", [TestResult(TEST, outcome)], 2.0)

    asked = {"candidate": "h", "tested": "b", "failing": [TEST], "checks": "shop/1/checks/1.0"}
    return answered(EffectKind.CONFIRM, KEY, asked, CheckPlan(("w1",), (), "main"), report)[0]


@pytest.mark.parametrize(
    ("retry", "base", "cause"),
    [
        ("failed", "passed", Cause.REAL),
        ("failed", "missing", Cause.REAL),
        ("missing", "missing", Cause.UNDECIDED),
        ("missing", "passed", Cause.UNDECIDED),
        ("passed", "missing", Cause.FLAKY),
    ],
)
def test_a_test_that_gives_no_result_has_not_failed(retry: str, base: str, cause: Cause) -> None:
    """Its name may hold the time, or a random number: that takes no change back. On ``tested`` it is a new test."""
    said = second_look(retry, base)
    assert classify((TEST,), said["retry"], said["base"]).cause is cause
