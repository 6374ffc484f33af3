# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.config import ConfigErrors, parse_master
from buildbot_cd.config.surroundings import Surroundings

TEXT = """\
trunk: {repository: /srv/git/shop.git}
git: {worker: git-2, author: "Deploy <deploy@example.org>"}
gate: {}
checks:
  - tests: {runner: pytest, workers: [test-1, tst-2]}
  - builder: Lint
"""
AROUND = Surroundings(frozenset({"git-1", "test-1", "test-2"}), frozenset({"lint"}))


def told(text: str) -> list[str]:
    """The lines of the error."""
    with pytest.raises(ConfigErrors) as raised:
        parse_master(text, "cd.yaml", AROUND)
    return str(raised.value).splitlines()


def test_names_that_the_master_does_not_have_are_told_with_their_place() -> None:
    """An unknown worker or builder is told at its line, with the nearest name that there is."""
    worker, builder = "no worker is called", "no builder is called"
    has, meant = "of master.cfg, did you mean", "checks[0].tests.workers[1]"
    assert told(TEXT) == [
        f"cd.yaml:2: git.worker: {worker} 'git-2' in c['workers'] {has} 'git-1'?",
        f"cd.yaml:5: {meant}: {worker} 'tst-2' in c['workers'] {has} 'test-2'?",
        f"cd.yaml:6: checks[1].builder: {builder} 'Lint' in c['builders'] {has} 'lint'?",
    ]


def test_names_are_looked_up_although_something_else_is_wrong() -> None:
    """A mistake in one section does not hide the names of the others."""
    lines = told(TEXT.replace("gate: {}", "gate: {mod: queued}"))
    assert [line.split(": ")[1] for line in lines] == [
        "git.worker",
        "gate.mod",
        "checks[0].tests.workers[1]",
        "checks[1].builder",
    ]
