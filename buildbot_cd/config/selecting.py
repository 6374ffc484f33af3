# SPDX-License-Identifier: GPL-2.0-only
"""What .buildbot-cd.yaml says, as the selection reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.selection import PathRule, TestRule

if TYPE_CHECKING:
    from buildbot_cd.config.repository import RepositoryConfig


def path_rules(repository: RepositoryConfig) -> list[PathRule]:
    """Which tests a change of some paths wants."""
    return [PathRule(tuple(one.paths), tuple(one.tags), one.run == "all") for one in repository.rules]


def test_rules(repository: RepositoryConfig) -> list[TestRule]:
    """What is said of tests by their files."""
    return [
        TestRule(one.glob, tuple(one.tags), tuple(one.requires), one.always, one.group, tuple(one.data))
        for one in repository.tests.files
    ]
