# SPDX-License-Identifier: GPL-2.0-only
"""At most five questions. What a flag answers is not asked; without a terminal the defaults hold, or it is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from buildbot_cd.cli.setup.facts import Facts

    Ask = Callable[[str], str]

AUTHOR = "Deploy <deploy@localhost.localdomain>"


@dataclass(frozen=True)
class Answers:
    """What the files need to know; ``hosts`` is empty if nothing is deployed yet, ``tests`` if no pool shares tests."""

    repository: str
    branch: str
    worker: str
    builders: tuple[str, ...]
    tests: tuple[str, ...]
    hosts: tuple[str, ...]
    author: str


def answers(facts: Facts, given: argparse.Namespace, ask: Ask | None) -> Answers:
    """All answers; ``ask`` puts a question to a person, None if nobody is there.

    Raises ConfigError for what nobody answered and nothing can be assumed of, naming the flag.
    """
    repository, branch = facts.watched[0] if facts.watched else ("", "main")
    repository = given.repository or _put(ask, "Which repository is trunk in?", repository, "--repository")
    branch = given.branch or branch
    worker = given.git_worker or _put(
        ask, f"Which worker may push to it? ({_list(facts.workers)})", _first(facts.workers), "--git-worker"
    )
    builders, tests = _checks(facts, given, ask)
    hosts = given.hosts
    if hosts is None:
        hosts = _put(ask, "Which hosts is it deployed to? (names with commas; empty: none yet)", "", None)
    author = given.author or _put(ask, "Who signs reverts?", AUTHOR, None)
    found = Answers(repository, branch, worker, builders, tests, _names(hosts), author)
    _known(found, facts)
    return found


def _checks(facts: Facts, given: argparse.Namespace, ask: Ask | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if given.builder or given.pytest_workers:
        return tuple(given.builder or ()), _names(given.pytest_workers or "")
    offered = _list((*facts.builders, "pytest"))
    default = _first(facts.builders) or "pytest"
    chosen = _names(_put(ask, f"What must a push pass? ({offered}; several with commas)", default, "--builder"))
    pool = facts.workers if "pytest" in chosen else ()
    return tuple(one for one in chosen if one != "pytest"), pool


def _known(found: Answers, facts: Facts) -> None:
    for flag, names, known in (
        ("--git-worker", (found.worker,), facts.workers),
        ("--pytest-workers", found.tests, facts.workers),
        ("--builder", found.builders, facts.builders),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(f"{flag} {name}: this master has {_list(known)}")


def _put(ask: Ask | None, question: str, default: str, flag: str | None) -> str:
    if ask is not None:
        shown = f"{question} [{default}] " if default else f"{question} "
        said = ask(shown).strip()
        if said or default or flag is None:
            return said or default
    if default or flag is None:
        return default
    raise ConfigError(f"{question.partition('?')[0]}? Answer it with {flag}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", text) if name))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _first(names: Sequence[str]) -> str:
    return names[0] if names else ""
