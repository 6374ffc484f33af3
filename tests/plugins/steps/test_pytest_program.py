# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import Any

from buildbot.process.buildstep import create_step_from_step_or_factory
from twisted.internet import defer

from buildbot_cd.plugins.steps.pytest_program import PytestStep
from buildbot_cd.store.rows import PlannedTest


class Wire(PytestStep):
    """The step, up to what goes to the worker."""

    name = "wire"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    async def program(self, argv: Any, found: Any, *, request: Any = None, **_more: Any) -> int:
        """Keep what is asked of the program."""
        self.asked.append(request)
        return 0


def test_pytest_is_told_what_each_test_of_a_chunk_waits_for() -> None:
    """Tests of the chunk, and those that are under way; what has passed elsewhere is not its business."""
    step: Any = create_step_from_step_or_factory(Wire())
    chunk = [PlannedTest("b", 2.0, 0.0, ("a", "done")), PlannedTest("c", 1.0, 0.0, ("b",))]
    done: list[Any] = []
    defer.ensureDeferred(step.warm_chunk(chunk, lambda _event: None, 0.5, {"a": None})).addBoth(done.append)
    assert done == [0]
    (request,) = step.asked
    assert request["tests"] == [
        {"nid": "b", "after": ["a"], "seconds": 2.0},
        {"nid": "c", "after": ["b"], "seconds": 1.0},
    ]
    assert request["ahead"] == 0.5
