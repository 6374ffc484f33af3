# SPDX-License-Identifier: GPL-2.0-only
"""Take commits back by hand, with the gate's own program: ``steps.cd.RevertLanding``."""

from __future__ import annotations

from typing import Any

from buildbot import config
from buildbot.process.results import FAILURE, SUCCESS

from buildbot_cd.plugins.steps.git_effect import GitStep


class RevertLanding(GitStep):
    """Takes ``base..head`` back on trunk by a forward replay, pushed without force.

    Usable on any builder of a master, without the gate: ``tested`` is the commit that counted as good before ``head``
    (by default ``base``), and what was pushed after ``head`` stays if it does not depend on it.
    """

    name = "revert landing"
    renderables = ("url", "branch", "base", "head", "tested", "reason")

    def __init__(self, *, base: Any, head: Any, reason: Any, tested: Any = None, **kwargs: Any) -> None:
        """``base``, ``head`` and ``tested`` are full shas or renderables of them; ``reason`` goes into the commit."""
        for name, value in (("base", base), ("head", head), ("reason", reason)):
            if not value:
                config.error(f"RevertLanding: {name} is needed")
        super().__init__(**kwargs)
        self.base, self.head, self.reason, self.tested = base, head, reason, tested

    async def work(self) -> int:
        """Push the revert; FAILURE with git's own words if that is refused."""
        answer = await self.git(
            {
                "verb": "revert",
                "mirror": "revert.git",
                "url": self.url,
                "branch": self.branch,
                "key": f"manual/{self.base}/{self.head}",
                "tested": self.tested or self.base,
                "bad": [{"id": 0, "base": self.base, "head": self.head}],
                "survivors": [],
                "known_tip": self.head,
                "author": self.author,
                "when": int(self.buildmaster.reactor.seconds()),
                "subject": str(self.head)[:12],
                "body": str(self.reason),
                "reason": str(self.reason),
                "trailers": [["CD-Auto-Revert", "withdraw"]],
                "max_cascade": 0,
                "shadow": False,
            }
        )
        self.descriptionDone = [str(answer.get("sha") or answer.get("refused") or answer.get("error"))[:200]]
        return SUCCESS if "sha" in answer else FAILURE
