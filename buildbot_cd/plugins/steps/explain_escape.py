# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.ExplainEscape``: what the landing that broke a test did not say, and the rule that would have."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS

from buildbot_cd.config import ConfigErrors, parse_repository
from buildbot_cd.config.selecting import test_rules
from buildbot_cd.core.backstop import Proposal, propose
from buildbot_cd.core.selection import Test, test_of, with_rules
from buildbot_cd.core.selection.trailers import declared
from buildbot_cd.plugins.steps.pytest_program import MAP, PytestStep

if TYPE_CHECKING:
    from buildbot_cd.config import RepositoryConfig
    from buildbot_cd.engine.backstop import Culprit

DIFF = ("git", "-c", "core.quotePath=false", "diff", "--name-only", "--no-renames")
SHOWN = 200
"""So many changed files are kept with an escape."""


class ExplainEscape(PytestStep):
    """Reads the test's tags, the landing's files and words, and the repository's map, and proposes a rule.

    The property ``cd_escape`` names the escape. Nothing is pushed: the patch is offered by the data API and by
    ``buildbot-cd escapes``.
    """

    name = "explain escape"

    async def work(self) -> int:
        """FAILURE if the map of this revision cannot be used; the escape then ends without a proposal."""
        ident = int(str(self.getProperty("cd_escape") or 0))
        found = await self.engine.backstop.culprit(ident)
        if found is None:
            self.descriptionDone = ["explained already"]
            return SKIPPED
        await self.prepare()
        text = await self.map_text()
        try:
            repository = parse_repository(text, MAP)
        except ConfigErrors as error:
            await self.addCompleteLog("errors", str(error))
            self.descriptionDone = [str(error).splitlines()[0][:200]]
            return FAILURE
        tags = await self._tags(found.test, repository)
        files: list[str] = []
        await self.lines([*DIFF, found.landing.base, found.landing.head, "--"], files)
        said = declared((found.landing.message,)).tags
        proposal = propose(found.test, tags, said, files, text + "\n" if text else "", MAP)
        reason = _reason(found, tags, said, proposal)
        told = {"tags": tags, "declared": list(said), "files": files[:SHOWN], **_told(proposal, text)}
        await self.addCompleteLog("explanation", f"{reason}\n\n{told['patch']}")
        await self.engine.backstop.explained(ident, reason, told)
        self.descriptionDone = [reason[:200]]
        return SUCCESS

    async def _tags(self, nid: str, repository: RepositoryConfig) -> list[str]:
        """The test's tags on this revision, by its marks and by the map."""
        tests: list[Test] = []

        def note(event: dict[str, Any]) -> None:
            if event.get("event") == "test" and str(event.get("nid")) == nid:
                tests.append(test_of(event))

        if nid.startswith("pytest:"):
            await self.pytest("collect", note, "--", nid.removeprefix("pytest:").partition("::")[0])
        else:
            await self.foreign("collect", repository.tests, note)
        return sorted({tag for test in with_rules(tests, test_rules(repository)) for tag in test.tags})


def _told(proposal: Proposal | None, text: str) -> dict[str, Any]:
    """The proposal as JSON; a patch after which the map could not be read is not offered."""
    if proposal is None:
        return {"missing_tag": "", "globs": [], "rule": "", "patch": ""}
    found = asdict(proposal)
    known = parse_repository(text, MAP).tags
    sound = not known or not proposal.tag or proposal.tag in known
    return {
        "missing_tag": found["tag"],
        "globs": list(proposal.globs),
        "rule": proposal.rule,
        "patch": proposal.patch if sound else "",
    }


def _reason(found: Culprit, tags: list[str], said: tuple[str, ...], proposal: Proposal | None) -> str:
    """One sentence; its subject is the change."""
    landing = f"landing {found.landing.id} ({found.landing.head[:12]})"
    missing = [tag for tag in tags if tag not in said]
    if missing:
        return f"missing tag {missing[0]} on {landing}"
    if not tags:
        return f"{landing} broke a test that carries no tag" + ("" if proposal is None else ": no tag asks for it")
    return f"{landing} declared {', '.join(tags)} and was let through all the same: see its test run"
