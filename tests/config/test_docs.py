# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

import buildbot_cd
from buildbot_cd.config import MasterConfig, RepositoryConfig, parse_master, parse_repository
from buildbot_cd.config.section import Section
from buildbot_cd.config.surroundings import Surroundings

PAGE = (Path(buildbot_cd.__file__).parents[1] / "docs/reference/configuration.md").read_text("utf-8")
MASTER, REPOSITORY = PAGE.split("\n## .buildbot-cd.yaml\n")
ROWS = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def sections_in(annotation: object) -> list[type[Section]]:
    """The sections inside a field's type."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Section) else []
    return [found for inner in typing.get_args(annotation) for found in sections_in(inner)]


def keys_of(model: type[Section], prefix: str = "") -> list[str]:
    """The dotted paths of all keys of a model, lists written as `[]`."""
    keys = []
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        keys.append(path)
        many = "tuple" in str(field.annotation)
        for inner in sections_in(field.annotation):
            keys += keys_of(inner, f"{path}{'[]' if many else ''}.")
    return keys


def documented(text: str) -> list[str]:
    """The keys that stand in the first column of the page's tables."""
    return [row[0] for row in ROWS.findall(text)]


@pytest.mark.parametrize(("model", "text"), [(MasterConfig, MASTER), (RepositoryConfig, REPOSITORY)])
def test_every_key_is_documented_and_no_other(model: type[Section], text: str) -> None:
    """The page tells each key once, in the order of the code, and none that is gone."""
    told = documented(text)
    known = [key.replace("hosts.inline[]", "hosts[]") for key in keys_of(model)]
    known = [key for key in known if key != "fleet.hosts.inline"]
    assert sorted(told) == sorted(known)


def test_every_key_has_type_default_and_meaning() -> None:
    """No cell of a table is left empty."""
    for row in ROWS.findall(PAGE):
        assert all(cell.strip() for cell in row), row


@pytest.mark.parametrize(("parse", "text"), [(parse_master, MASTER), (parse_repository, REPOSITORY)])
def test_the_examples_are_valid(parse: typing.Callable[[str], object], text: str) -> None:
    """Every example of the page that is a whole file can be used as it stands."""
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        parse(example)


def test_the_page_for_an_existing_master_shows_a_cd_yaml_that_can_be_used() -> None:
    """What is to be copied from the how-to is read without a complaint, with the sample master's names."""
    page = (Path(buildbot_cd.__file__).parents[1] / "docs/how-to/existing-master.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    around = Surroundings(frozenset({"example-worker"}), frozenset({"runtests"}))
    assert parse_master(text, "cd.yaml", around).gate is not None
