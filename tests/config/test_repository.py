# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.config import ConfigErrors, RepositoryConfig, parse_repository

FULL = """\
tests:
  roots: [tests]
  files:
    - {glob: "tests/billing/**", tags: billing, requires: ["tests/db/**"]}
    - {glob: tests/smoke/*.py, always: true}
rules:
  - {paths: "src/billing/**", tags: [billing, billing]}
  - {paths: [schema.sql, "migrations/**"], run: all}
tags: {billing: what customers pay, cart: the basket}
"""


def refusals(text: str) -> list[str]:
    """What is wrong with a .buildbot-cd.yaml, one text for each problem."""
    with pytest.raises(ConfigErrors) as caught:
        parse_repository(text)
    return str(caught.value).splitlines()


def test_the_full_file_is_read() -> None:
    """Words that stand for lists of one, defaults and doubled tags come out as tuples."""
    config = parse_repository(FULL)
    assert config.tests.roots == ("tests",)
    assert [entry.tags for entry in config.tests.files] == [("billing",), ()]
    assert [entry.always for entry in config.tests.files] == [False, True]
    assert config.rules[0].paths == ("src/billing/**",)
    assert config.rules[0].tags == ("billing",)
    assert config.rules[1].run == "all"
    assert dict(config.tags) == {"billing": "what customers pay", "cart": "the basket"}


def test_a_repository_without_the_file_has_defaults() -> None:
    """Nothing needs to be configured before the first landing."""
    assert parse_repository("") == RepositoryConfig()


def test_unknown_tags_are_told_where_tags_are_known() -> None:
    """A misspelt tag would silently select nothing."""
    text = FULL.replace("tags: billing,", "tags: biling,").replace("[billing, billing]", "[carts]")
    assert refusals(text) == [
        ".buildbot-cd.yaml:4: tests.files[0].tags: unknown tag 'biling', did you mean 'billing'?",
        ".buildbot-cd.yaml:7: rules[0].tags: unknown tag 'carts', did you mean 'cart'?",
    ]


def test_any_tag_goes_where_none_are_listed() -> None:
    """The list of tags is a help, not a duty."""
    assert parse_repository("rules: [{paths: a, tags: b}]").rules[0].tags == ("b",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{paths: a}]", "rules[0]: should hold either 'tags' or 'run: all'"),
        ("rules: [{paths: a, tags: b, run: all}]", "rules[0]: should hold either"),
        ("rules: [{paths: [], run: all}]", "rules[0].paths: should not be empty"),
        ("rules: [{path: a, run: all}]", "rules[0].path: unknown key, did you mean 'paths'?"),
        ("rules: [{paths: a, run: everything}]", "rules[0].run: should be all"),
        ("tests: {roots: [../x]}", "tests.roots[0]: should be a path inside the checkout"),
        ("tests: {files: [{glob: x, tags: ['a b']}]}", "characters that are not allowed"),
        ("tests: {files: [{glob: x, always: yes}]}", "should be true or false"),
        ("tests: {runner: command, run: [x]}", "tests: should hold 'list' and 'run'"),
        ("tests: {run: [x, '{report}']}", "tests: should hold 'runner: command'"),
        ("tests: {runner: phpunit, run: [x]}", "should name the file '{report}'"),
        ("tags: [a]", "tags: should be a mapping"),
        ("tags: {a: 5}", "tags.a: should be text; put it in quotes"),
        ("test: {}", "test: unknown key, did you mean 'tests'?"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(text: str, said: str) -> None:
    """One mistake gives one problem."""
    (refusal,) = refusals(text)
    assert said in refusal
