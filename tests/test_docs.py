# SPDX-License-Identifier: GPL-2.0-only
"""The documents say what the code has: a name that is not in the reference does not exist for those who read it."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import buildbot_cd
from buildbot_cd.cli import main

ROOT = Path(buildbot_cd.__file__).parents[1]
DOCS = ROOT / "docs"
POINTS: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "entry-points"
]
PLUGINS = [
    (f"{group.removeprefix('buildbot.')}.{name}", reference)
    for group, points in POINTS.items()
    if group != "buildbot.www"
    for name, reference in points.items()
]


def section(page: str, heading: str) -> str:
    """The text under a heading, down to the next one of the same depth or less."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[2] if found else ""


def arguments(kind: Any) -> set[str]:
    """The arguments of our own that a plugin takes."""
    found: set[str] = set()
    for one in kind.__mro__:
        if one.__module__.startswith("buildbot_cd."):
            for name in ("__init__", "checkConfig"):
                if name in vars(one):
                    found |= set(inspect.signature(vars(one)[name]).parameters)
    return found - {"self", "args", "kwargs"}


@pytest.mark.parametrize(("name", "reference"), PLUGINS, ids=[name for name, _ in PLUGINS])
def test_every_plugin_and_each_of_its_arguments_is_in_the_reference(name: str, reference: str) -> None:
    """Each has a section of its own that names what it takes."""
    module, _, attribute = reference.partition(":")
    text = section((DOCS / "reference" / "plugins.md").read_text("utf-8"), name)
    assert text, f"docs/reference/plugins.md has no section {name}"
    missing = {one for one in arguments(getattr(importlib.import_module(module), attribute)) if f"`{one}`" not in text}
    assert not missing


@pytest.mark.parametrize("name", main.names())
def test_every_command_and_each_of_its_options_is_in_the_reference(name: str) -> None:
    """Each has a section of its own that names its options."""
    text = section((DOCS / "reference" / "cli.md").read_text("utf-8"), name)
    assert text, f"docs/reference/cli.md has no section {name}"
    parser = argparse.ArgumentParser()
    main.command(name).arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    assert {one for one in options - {"--help"} if f"`{one}" not in text} == set()


def pages() -> list[Path]:
    """All our pages."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "worker" / "README.md", *DOCS.rglob("*.md")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    """A link to a file names one that is there, and a link to a heading one that the page has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9_ -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_page_is_listed_in_the_contents_of_its_folder() -> None:
    """What is not listed is not found."""
    for folder in ("tutorial", "how-to", "explanation", "reference"):
        listed = (DOCS / folder / "README.md").read_text("utf-8")
        for page in (DOCS / folder).glob("*.md"):
            assert page.name == "README.md" or f"({page.name})" in listed, page
