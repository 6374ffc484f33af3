# SPDX-License-Identifier: GPL-2.0-only
"""The git worker's part of an effect: look at trunk, build a candidate, push a revert, move a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from buildbot_cd.engine.git_requests import GitSettings, request
from buildbot_cd.plugins.steps.program import ProgramStep

if TYPE_CHECKING:
    from collections.abc import Mapping


class GitStep(ProgramStep):
    """A step that asks the git program one thing."""

    def __init__(self, python: str, url: str, branch: str, author: str, **kwargs: Any) -> None:
        """``url`` and ``branch`` are trunk's, ``author`` is ``Name <mail>``, ``python`` has this package installed."""
        super().__init__(**kwargs)
        self.python, self.url, self.branch, self.author = python, url, branch, author

    async def git(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The program's answer; one with ``error`` if there was none."""
        answers: list[dict[str, Any]] = []
        code = await self.program([self.python, "-m", "buildbot_cd.worker.git"], answers.append, request=asked)
        return answers[-1] if answers else {"error": self.unanswered(code, "stdio", "git.python")}

    def settings(self) -> GitSettings:
        """Whose name commits carry, and where trunk is."""
        return GitSettings(self.url, self.branch, self.author, str(self.buildmaster.config.buildbotURL))


class GitEffect(GitStep):
    """Does the effect that the build was asked for (property ``cd_key``) and reports its answer to the engine."""

    name = "git"

    async def work(self) -> int:
        """Ask, and pass on the answer. An effect that is over is left alone."""
        key = str(self.getProperty("cd_key"))
        intent = await self.engine.intent(key)
        if intent is None:
            self.descriptionDone = ["over:", "nothing done"]
            return SKIPPED
        gate, landing = await self.engine.rows(intent)
        answer = await self.git(request(intent, gate, landing, self.settings()))
        await self.engine.report(key, answer)
        self.descriptionDone = [f"{intent.kind}:", _told(answer)]
        return FAILURE if "error" in answer else SUCCESS


def _told(answer: Mapping[str, Any]) -> str:
    for name in ("error", "refused", "stale", "conflict"):
        if name in answer:
            return f"{name}: {str(answer[name])[:200]}"
    if "commits" in answer:
        return f"{len(answer['commits'])} new commits"
    return str(answer.get("sha") or answer.get("tip") or "done")[:12]
