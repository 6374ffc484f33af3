# SPDX-License-Identifier: GPL-2.0-only
"""Reading commits: trunk's first-parent line, and what each commit says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from buildbot_cd.worker.git.run import Git

# NUL can stand neither in a message nor in a name, so nothing that a commit says can end a field early.
_FIELDS = ("%H", "%T", "%P", "%aN", "%aE", "%cE", "%ce", "%ct", "%s", "%B")
_TRAILERS = "%(trailers:only=true,unfold=true,separator=%x00,key_value_separator=%x00)"
_FORMAT = "%x00".join((*_FIELDS, _TRAILERS)) + "%x00"


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says. Addresses went through ``.mailmap``, but for ``committer_raw``."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    committer_email: str
    committer_raw: str
    time: int
    subject: str
    message: str
    trailers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of trunk: ``parent`` is what trunk was before it, None before the first commit of all."""

    sha: str
    parent: str | None


def is_ancestor(git: Git, old: str, new: str) -> bool:
    """True if ``new`` holds ``old`` or is it. Raises GitError if one of them is not here."""
    done = git.try_("merge-base", "--is-ancestor", old, new)
    if done.code not in {0, 1}:
        raise GitError(f"git merge-base ended with {done.code}: {done.err}")
    return done.code == 0


def line(git: Git, since: str, tip: str) -> tuple[Step, ...]:
    """Trunk's steps after ``since`` up to ``tip``, oldest first; ``since`` has to be an ancestor of ``tip``.

    If somebody merged trunk into their branch and pushed the result, ``since`` is not on the first-parent line. That
    push is then one step from ``since`` to the first commit of the line that holds it.
    """
    found = git.run("rev-list", "--first-parent", "--parents", "--reverse", tip, f"^{since}").splitlines()
    rows = [row.split() for row in found]
    steps = [Step(row[0], row[1] if len(row) > 1 else None) for row in rows]
    if not steps or steps[0].parent == since:
        return tuple(steps)
    start = next(place for place, step in enumerate(steps) if is_ancestor(git, since, step.sha))
    return (Step(steps[start].sha, since), *steps[start + 1 :])


def through(git: Git, since: str, tip: str, stops: Iterable[str]) -> tuple[Step, ...]:
    """As `line`, but by way of ``stops``: commits at which trunk is known to have stood between ``since`` and ``tip``.

    Whoever merges trunk into their work and pushes that takes earlier tips off the first-parent line. A landing or a
    revert that ended in one of them still is a step of trunk. Stops that trunk never passed are left out.
    """
    plain = line(git, since, tip)
    known = set(stops)
    if known <= {since, *(step.sha for step in plain)}:
        return plain
    passed = [sha for sha in git.run("rev-list", "--topo-order", "--reverse", tip, f"^{since}").split() if sha in known]
    if set(passed) <= {step.sha for step in plain}:
        return plain
    steps: list[Step] = []
    for stop in dict.fromkeys((*passed, tip)):
        last = steps[-1].sha if steps else since
        if is_ancestor(git, last, stop):
            steps += line(git, last, stop)
    return tuple(steps)


def range_of(git: Git, base: str | None, head: str, *, first_parent: bool = True) -> tuple[str, ...]:
    """The commits after ``base`` up to ``head``, oldest first."""
    how = ("--first-parent",) if first_parent else ()
    return tuple(git.run("rev-list", "--reverse", *how, head, *(() if base is None else (f"^{base}",))).split())


def read(git: Git, shas: Sequence[str], mailmap_of: str | None = None) -> dict[str, Commit]:
    """The commits, with the addresses of ``.mailmap`` as it is in the commit ``mailmap_of``."""
    if not shas:
        return {}
    settings = ("-c", f"mailmap.blob={mailmap_of}:.mailmap") if mailmap_of else ()
    wanted = "".join(f"{sha}\n" for sha in dict.fromkeys(shas)).encode()
    args = ("log", "--no-walk=unsorted", "--no-show-signature", "--stdin", "-z", f"--format=tformat:{_FORMAT}")
    fields = iter(git.run(*settings, *args, input_=wanted).split("\0"))
    return {commit.sha: commit for commit in _commits(fields)}


def _commits(fields: Iterator[str]) -> Iterator[Commit]:
    while sha := next(fields, ""):
        tree, parents, name, author, committer, raw, when, subject, message = (next(fields) for _ in _FIELDS[1:])
        trailers = _trailers(fields)
        yield Commit(
            sha, tree, tuple(parents.split()), name, author, committer, raw, int(when), subject, message, trailers
        )


def _trailers(fields: Iterator[str]) -> dict[str, tuple[str, ...]]:
    """Key and value by turns until an empty key; a commit without trailers has an empty field more."""
    found: dict[str, tuple[str, ...]] = {}
    key = next(fields)
    if not key:
        next(fields)
        return {}
    while key:
        found[key] = (*found.get(key, ()), next(fields))
        key = next(fields)
    return found


def values(commits: Iterable[Commit], key: str) -> set[str]:
    """The first words of all trailers with this key."""
    return {value.split()[0] for commit in commits for value in commit.trailers.get(key, ()) if value.split()}
