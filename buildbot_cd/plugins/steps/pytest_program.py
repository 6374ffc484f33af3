# SPDX-License-Identifier: GPL-2.0-only
"""What the steps that collect and run tests share: the program that a stock worker is sent, and how it is called."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from buildbot_cd.plugins.steps.program import ProgramStep

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "../cd_pytest.py"
"""Where the program lies on the worker: beside the checkout, never in it."""


class PytestStep(ProgramStep):
    """A step that drives pytest on a worker on which nothing of ours is installed."""

    haltOnFailure = True
    renderables = ("python",)

    def __init__(self, *, python: Any = "python3", **kwargs: Any) -> None:
        """``python`` is the tested project's own interpreter on the worker, with its pytest."""
        super().__init__(**kwargs)
        self.python = python

    async def prepare(self) -> None:
        """Send the program, unless a step of this build did."""
        if self.getProperty("cd_program_sent"):
            return
        text = resources.files("buildbot_cd.worker.tests").joinpath("pytest_stream.py").read_text("utf-8")
        await self.send(text, PROGRAM)
        self.setProperty("cd_program_sent", True, "Continuous deployment")

    async def pytest(self, verb: str, found: Callable[[dict[str, Any]], None], *args: str) -> int | None:
        """Call the program; ``verb`` is collect or run, ``args`` its own arguments."""
        return await self.program([str(self.python), PROGRAM, verb, *args], found, log=verb)
