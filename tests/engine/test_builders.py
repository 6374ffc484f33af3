# SPDX-License-Identifier: GPL-2.0-only
"""Stock builders as checks: which of Buildbot's results is a verdict, and about which revision it has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from buildbot.process.results import CANCELLED, EXCEPTION, FAILURE, RETRY, SKIPPED, SUCCESS, WARNINGS

from buildbot_cd.core.landing.values import EffectKind
from buildbot_cd.engine.check_parts import CheckPlan
from tests.engine.answering import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store import Tx

KEY = "shop/1/checks/1.0"
HEAD, OLD, TOOLS = "a" * 40, "b" * 40, "c" * 40


def verdict(*parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the checks answer when the builds of lint and of linux ended like this."""

    def end(tx: Tx) -> None:
        for name, result in zip(("lint", "linux"), parts, strict=True):
            tx.outbox.finish(f"{KEY}#{name}", result, 2.0)

    asked = {"candidate": HEAD, "base": OLD, "head": HEAD}
    return answered(EffectKind.CHECKS, KEY, asked, CheckPlan((), ("lint", "linux"), "main"), end)[0]


@pytest.mark.parametrize(
    ("results", "word"),
    [
        (SUCCESS, "passed"),
        (WARNINGS, "passed"),
        (FAILURE, "failed"),
        (SKIPPED, "infra"),
        (EXCEPTION, "infra"),
        (RETRY, "infra"),
        (CANCELLED, "infra"),
        (None, "infra"),
    ],
)
def test_only_a_failure_speaks_against_a_change(results: int | None, word: str) -> None:
    """A lost worker, a cancelled or skipped build, and one that nobody knows any more are no verdict."""
    said = verdict({"results": SUCCESS}, {"results": results})
    assert said["verdict"] == word
    assert said.get("failing") == (["builder:linux"] if word == "failed" else None)


def test_a_failure_counts_before_a_lost_worker() -> None:
    """It is named, so it is looked at again; what the other builder lacks comes with the next try."""
    assert verdict({"results": FAILURE}, {"results": RETRY})["failing"] == ["builder:lint"]


@pytest.mark.parametrize("results", [SUCCESS, FAILURE])
def test_a_builder_that_built_another_commit_of_trunk_says_nothing(results: int) -> None:
    """It was told the candidate: whether what it took instead passes is no word about this change."""
    said = verdict({"results": SUCCESS, "built": HEAD}, {"results": results, "built": OLD})
    assert said == {
        "verdict": "infra",
        "reason": f"builder linux built {OLD[:12]} and not {HEAD[:12]}: it has to check out the revision it is given",
    }


def test_a_builder_may_check_out_something_else_last() -> None:
    """A second repository's revision is none of trunk's: it says nothing of what was tested."""
    assert verdict({"results": SUCCESS, "built": TOOLS}, {"results": SUCCESS, "built": None})["verdict"] == "passed"
