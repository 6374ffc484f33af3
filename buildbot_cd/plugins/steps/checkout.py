# SPDX-License-Identifier: GPL-2.0-only
"""The deploy worker's checkout: one command, where Buildbot's own step has nine."""

from __future__ import annotations

from typing import Any

from buildbot.process.results import FAILURE, SUCCESS

from buildbot_cd.plugins.steps.program import ProgramStep


class Checkout(ProgramStep):
    """Makes the build's folder the checkout of the build's revision, from the repository at ``url``.

    Only for workers that have this package: the test pool keeps Buildbot's own step.
    """

    name = "checkout"
    haltOnFailure = True
    flunkOnFailure = True

    def __init__(self, python: str, url: str, branch: str, **kwargs: Any) -> None:
        """``python`` has this package; ``branch`` is where a revision lies whose build names no other place."""
        super().__init__(**kwargs)
        self.python, self.url, self.branch = python, url, branch

    async def work(self) -> int:
        """FAILURE with git's own words if the revision cannot be had."""
        branch = str(self.getProperty("branch") or self.branch)
        ref = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        asked = {"url": self.url, "ref": ref, "sha": str(self.getProperty("revision"))}
        answers: list[dict[str, Any]] = []
        argv = [self.python, "-m", "buildbot_cd.worker.git.checkout"]
        code = await self.program(argv, answers.append, request=asked)
        answer = answers[-1] if answers else {"error": self.unanswered(code, "stdio", "release.python")}
        if "sha" not in answer:
            self.descriptionDone = [str(answer.get("error"))[:200]]
            return FAILURE
        self.setProperty("got_revision", answer["sha"], "Source")
        self.descriptionDone = [str(answer["sha"])[:12]]
        return SUCCESS
