# SPDX-License-Identifier: GPL-2.0-only
"""``steps.cd.SelectTests``: collect the tests of a checkout, select by tags, plan the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SKIPPED, SUCCESS, WARNINGS

from buildbot_cd.config import ConfigErrors, parse_repository
from buildbot_cd.config.units import parse_duration
from buildbot_cd.core.selection import Change, test_of
from buildbot_cd.engine.check_parts import undeclared
from buildbot_cd.errors import SelectionError
from buildbot_cd.plugins.steps.pytest_program import MAP, PytestStep
from buildbot_cd.store.rows import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.config import RepositoryConfig
    from buildbot_cd.core.selection import Reached, Selection, Test

DIFF = ("git", "-c", "core.quotePath=false", "diff", "--name-only", "--no-renames")
"""Names of changed files; of a moved one both, since rules may match either."""


class SelectTests(PytestStep):
    """Collects the tests with their tags on the worker, selects those that the change needs, and plans the run.

    In a gate build the run is named by the property ``cd_run``; in a try build it is made here, for the patch that is
    applied to the checkout. Tags may be given with ``buildbot try --property=tags=cart,signup``.
    """

    name = "select tests"

    async def work(self) -> int:
        """FAILURE with place and remedy if the repository's map or the tests' marks are wrong."""
        run = await self.engine.tests.get(await self._run_id())
        if run is None or run.state is not RunState.PLANNING:
            self.descriptionDone = ["selected already"]
            return SKIPPED
        await self.prepare()
        try:
            repository = parse_repository(await self.map_text(), MAP)
            tests, broken = await self._collect(repository)
            if broken:
                return await self._cannot_collect(run.id, broken)
            change = await self._change()
            near = await self._near(repository, change, tests)
            selection = await self.engine.tests.plan(
                run.id, tests, repository, change, seconds=1.0, near=near, budget=self._budget()
            )
        except (ConfigErrors, SelectionError) as error:
            return await self._wrong(run.id, str(error))
        return await self._tell(selection, repository)

    async def _run_id(self) -> int:
        known = self.getProperty("cd_run")
        if known is not None:
            return int(known)
        made = await self.engine.tests.create(
            f"try/{self.running.buildid}", "try", str(self.getProperty("got_revision"))
        )
        self.setProperty("cd_run", made.id, "Continuous deployment")
        return made.id

    async def _collect(self, repository: RepositoryConfig) -> tuple[list[Test], list[tuple[str, str]]]:
        tests: list[Test] = []
        broken: list[tuple[str, str]] = []

        def found(event: dict[str, Any]) -> None:
            if event.get("event") == "test":
                tests.append(test_of(event))
            elif event.get("event") == "error":
                broken.append((str(event.get("path") or "collection"), str(event.get("text") or "")))

        if repository.tests.runner == "pytest":
            code = await self.pytest("collect", found, "--", *repository.tests.roots)
        else:
            code = await self.foreign("collect", repository.tests, found)
        if code not in (0, 5) and not broken and not tests:
            broken.append(("", f"collection ended with {code}: see the log of this step"))
        return tests, broken

    async def _near(self, repository: RepositoryConfig, change: Change, tests: Sequence[Test]) -> Reached:
        units = await self.units(change.base) if repository.tests.runner == "pytest" else None
        return await self.engine.tests.learning.near(units, change, tests)

    def _budget(self) -> float | None:
        """The property ``budget``: ``buildbot try --property=budget=4m``. Raises SelectionError if it is no time."""
        given = self.getProperty("budget")
        if given is None or self.getProperty("cd_range") is not None:
            return None
        try:
            return parse_duration(str(given))
        except ValueError as error:
            raise SelectionError(f"the property budget: {error}") from error

    async def _change(self) -> Change:
        files: list[str] = []
        span = self.getProperty("cd_range")
        if span is None:
            await self.lines([*DIFF, "HEAD"], files)
            comment = str(self.getProperty("cd_comment") or "")
            return Change(tuple(files), (comment,), _tags(self.getProperty("tags")))
        revision = str(self.getProperty("got_revision"))
        base = span["base"] if revision == span["head"] else f"{revision}^"
        await self.lines([*DIFF, base, revision, "--"], files)
        return Change(tuple(files), (str(span.get("message") or ""),), base=base)

    async def _cannot_collect(self, run: int, broken: list[tuple[str, str]]) -> int:
        """Files that cannot be collected are what fails: by their names they are looked at again, and on ``tested``."""
        named = [f"pytest:{path}" for path, _ in broken if path]
        if named:
            await self.engine.tests.plan_these(run, named, "this file cannot be collected")
        await self.addCompleteLog("errors", "\n\n".join(f"{path}\n{text}" for path, text in broken))
        self.descriptionDone = [f"{len(broken)} test files cannot be collected: {', '.join(named[:3])}"]
        if named:
            return SUCCESS if self.getProperty("cd_range") is not None else FAILURE
        await self.engine.tests.finish(run, broken[0][1])
        return FAILURE

    async def _wrong(self, run: int, text: str) -> int:
        await self.addCompleteLog("errors", text)
        self.descriptionDone = [text.splitlines()[0][:200]]
        await self.engine.tests.plan_these(run, [f"map:{MAP}"], text.splitlines()[0])
        return FAILURE

    async def _tell(self, selection: Selection, repository: RepositoryConfig) -> int:
        await self.addCompleteLog("selection", selection.text())
        self.setProperty("cd_selection", selection.summary(), "Continuous deployment")
        self.descriptionDone = [selection.summary()]
        missing = [one for one in selection.missing_tags if not one.quiet]
        if missing and repository.missing_tags == "block" and self.getProperty("cd_range") is None:
            self.descriptionDone = [undeclared(missing)]
            return FAILURE
        odd = missing or selection.unknown_tags or selection.unknown_tests
        return WARNINGS if odd else SUCCESS


def _tags(given: Any) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in str(given or "").split(",") if tag.strip())
