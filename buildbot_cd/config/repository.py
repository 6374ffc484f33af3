# SPDX-License-Identifier: GPL-2.0-only
""".buildbot-cd.yaml, the configuration that a repository carries: its tests, their tags, and which paths want which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from buildbot_cd.config.document import parse
from buildbot_cd.config.problems import ConfigErrors, Location, did_you_mean
from buildbot_cd.config.section import Argv, Globs, Name, Names, RelativePath, Section, Text
from buildbot_cd.config.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

Tag = Annotated[Name, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./:-]{0,99}$")]


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _unique(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


Tags = Annotated[tuple[Tag, ...], BeforeValidator(_list), AfterValidator(_unique)]


class TestFiles(Section):
    """What holds for all tests in some files, beside what the tests say themselves."""

    __test__ = False  # the name is no test's

    glob: Name
    """Files, by a path from the top of the repository; `**` stands for any number of folders."""
    tags: Tags = ()
    """Tags of the tests in them."""
    requires: Names = ()
    """Tests that must have passed before these run: ids or globs of files."""
    always: StrictBool = False
    """Run them for every landing."""
    group: Name | None = None
    """They share something that must not be used twice at once: one worker runs them, one after the other."""
    data: Annotated[tuple[Name, ...], BeforeValidator(_list)] = ()
    """Globs of files that these tests read: a change of one runs them."""


class RepositoryTests(Section):
    """Where tests are, and what holds for them."""

    roots: tuple[RelativePath, ...] = ()
    """Folders to collect from; without any the runner's own setting holds."""
    files: tuple[TestFiles, ...] = ()
    """What holds for the tests of some files."""
    runner: Literal["pytest", "phpunit", "command"] = "pytest"
    """What collects and runs the tests: `command` is anything that writes JUnit XML."""
    list: Argv | None = None
    """A command that prints the tests, one name a line; for `phpunit` one that writes its XML list to `{report}`."""
    run: Argv | None = None
    """A command that runs the tests in the file `{tests}` (or by `{filter}`) and writes JUnit XML to `{report}`."""

    @model_validator(mode="after")
    def _commands(self) -> Self:
        if self.runner == "command" and (self.list is None or self.run is None):
            raise ValueError("should hold 'list' and 'run', the commands of the runner 'command'")
        if self.runner == "pytest" and (self.list or self.run):
            raise ValueError("should hold 'runner: command' or 'runner: phpunit' beside 'list' and 'run'")
        if self.run is not None and "{report}" not in " ".join(self.run):
            raise ValueError("run: should name the file '{report}' to which the runner writes JUnit XML")
        return self


class PathRule(Section):
    """Which tests a change of some paths wants."""

    paths: Globs
    """One glob or a list of them; `**` stands for any number of folders."""
    tags: Tags = ()
    """Run the tests with these tags."""
    run: Literal["all"] | None = None
    """`all`: run every test."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.tags) == (self.run is not None):
            raise ValueError("should hold either 'tags' or 'run: all'")
        return self


class RepositoryConfig(Section):
    """All of .buildbot-cd.yaml; every part may be left out."""

    tests: RepositoryTests = RepositoryTests()
    """Where tests are, and what holds for them."""
    rules: tuple[PathRule, ...] = ()
    """Which tests a change of some paths wants."""
    tags: dict[Tag, Text] = Field(default_factory=dict)
    """The tags that there are, each with what it stands for; once there is one, another name is an error."""
    missing_tags: Literal["observe", "warn", "add", "block"] = "add"
    """What becomes of a tag that a rule wants and the change does not declare."""


def parse_repository(text: str, file: str = ".buildbot-cd.yaml") -> RepositoryConfig:
    """Return the configuration that `text` describes; `file` is what errors call it.

    Raises:
        ConfigErrors: it cannot be used as written; holds all that is wrong.
    """
    document = parse(text, file)
    config, problems = validate(RepositoryConfig, document.value, document)
    if config is None:
        raise ConfigErrors(problems)
    unknown = [document.problem(place, message) for place, message in _unknown_tags(config)]
    if unknown:
        raise ConfigErrors(unknown)
    return config


def _unknown_tags(config: RepositoryConfig) -> Iterator[tuple[Location, str]]:
    """A misspelt tag selects nothing, and nobody would notice."""
    if not config.tags:
        return
    places: list[tuple[Location, tuple[str, ...]]] = [
        *((("rules", index, "tags"), rule.tags) for index, rule in enumerate(config.rules)),
        *((("tests", "files", index, "tags"), entry.tags) for index, entry in enumerate(config.tests.files)),
    ]
    for place, tags in places:
        for tag in tags:
            if tag not in config.tags:
                yield place, f"unknown tag '{tag}'{did_you_mean(tag, config.tags)}"
