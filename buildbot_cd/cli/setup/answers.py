# SPDX-License-Identifier: GPL-2.0-only
"""At most five questions. What a flag answers is not asked; without a terminal the defaults hold, or it is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from buildbot_cd.cli.setup.facts import default_branch
from buildbot_cd.config.fleet import Host
from buildbot_cd.config.problems import did_you_mean
from buildbot_cd.config.trunk import Git, Trunk
from buildbot_cd.config.validation import complaint
from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from buildbot_cd.cli.setup.facts import Facts

Ask = Callable[[str], str]
Wrong = Callable[[str], str]
"""What is wrong with an answer; empty if nothing is."""

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

    Raises ConfigError for what nobody answered and nothing can be assumed of, and for a flag that cannot be used.
    """
    if not facts.workers:
        raise ConfigError(f"{facts.config} has no workers: add one to c['workers'] that may push to trunk")
    watched, branch = facts.watched[0] if facts.watched else ("", "")
    repository = _put(ask, given.repository, "--repository", "Which repository is trunk in?", watched, _place)
    if given.branch or repository != watched:
        branch = given.branch or default_branch(repository)
    question = f"Which worker may push to it? ({', '.join(facts.workers)})"
    worker = _put(ask, given.git_worker, "--git-worker", question, facts.workers[0], partial(_one, facts.workers))
    builders, tests = _checks(facts, given, ask)
    question = "Which hosts is it deployed to? (names with commas; empty: none yet)"
    hosts = _put(ask, given.hosts, "--hosts", question, "", _hosts)
    author = _put(ask, given.author, "--author", "Who signs reverts?", AUTHOR, _author)
    return Answers(repository, branch, worker, builders, tests, _names(hosts), author)


def _checks(facts: Facts, given: argparse.Namespace, ask: Ask | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if given.builder or given.pytest_workers:
        one = partial(_one, facts.builders)
        named = [_put(None, name, "--builder", "", "", one) for name in given.builder or ()]
        pool = _put(None, given.pytest_workers or "", "--pytest-workers", "", "", partial(_all, facts.workers))
        return tuple(dict.fromkeys(named)), _names(pool)
    offered = (*facts.builders, "pytest")
    question = f"What must a push pass? ({', '.join(offered)}; several with commas)"
    said = _put(ask, None, "--builder", question, offered[0], partial(_all, offered))
    chosen = _names(said, _COMMA)
    return tuple(one for one in chosen if one != "pytest"), facts.workers if "pytest" in chosen else ()


def _put(ask: Ask | None, given: str | None, flag: str, question: str, default: str, wrong: Wrong) -> str:
    """What the flag says; or a person, who is asked again until it can be used; or the default."""
    if given is not None:
        if said := wrong(given):
            raise ConfigError(f"{flag}: {said}")
        return given
    before = ""
    while ask is not None:
        answer = ask(f"{before}{question} [{default}] " if default else f"{before}{question} ").strip() or default
        said = wrong(answer)
        if not said:
            return answer
        before = f"  {said}\n"
    if wrong(default):
        raise ConfigError(f"{question.partition('?')[0]}? Answer it with {flag}")
    return default


def _place(repository: str) -> str:
    if repository and ":" not in repository and not repository.startswith("/"):
        return "should be an address, or a path that begins with '/': the worker does not stand in this folder"
    return complaint(Trunk, repository=repository)


def _one(known: Sequence[str], name: str) -> str:
    return "" if name in known else f"this master has no {name}{did_you_mean(name, known)}"


def _all(known: Sequence[str], text: str) -> str:
    return next((said for name in _names(text, _COMMA) if (said := _one(known, name))), "")


def _hosts(text: str) -> str:
    for name in _names(text):
        if "@" in name:
            return f"{name}: should be the host's name alone; who logs in is told with --ssh-user, or in ~/.ssh/config"
        if said := complaint(Host, name=name):
            return f"{name}: {said}; its name alone is wanted, a port of its own is told in ~/.ssh/config"
    return ""


def _author(text: str) -> str:
    return complaint(Git, worker="worker", author=text)


_COMMA = r"\s*,\s*"


def _names(text: str, between: str = r"[,\s]+") -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in re.split(between, text.strip()) if name))
