# SPDX-License-Identifier: GPL-2.0-only
"""The git program's verbs on simulated commits: the same answers as `buildbot_cd.worker.git` gives on real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.testing.simulation.commits import Repository, Tree, pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.values import Landing


@dataclass(frozen=True)
class Change:
    """``base..head``; ``ident`` is its landing's id, or None for a commit that the request did not name."""

    ident: int | None
    base: str
    head: str


@dataclass(frozen=True)
class Planned:
    """What trunk would be after the revert."""

    tree: Tree
    evicted: tuple[tuple[Change, list[str]], ...]
    unseen: tuple[tuple[Change, list[str] | None], ...]
    takes_back: frozenset[str]


def observe(repo: Repository, since: str | None, holds: str | None) -> dict[str, Any]:
    """See `worker.git.observe`."""
    tip = repo.trunk
    answer: dict[str, Any] = {"tip": tip, "rewritten": False, "commits": []}
    if since is not None and not repo.is_ancestor(since, tip):
        return {**answer, "rewritten": True}
    if holds is not None and not repo.is_ancestor(holds, tip):
        return {**answer, "rewritten": True, "lost": holds}
    if holds is not None:
        answer["holds"] = holds
    if since is None or since == tip:
        return answer
    return {**answer, "commits": [told(repo, sha) for sha in repo.steps(since, tip)]}


def told(repo: Repository, sha: str) -> dict[str, Any]:
    """One commit as an observation tells it."""
    commit = repo[sha]
    return {
        "sha": sha,
        "parent": commit.parent,
        "tree": repr(sorted(commit.tree.items())),
        "author_email": commit.engineer,
        "committer_email": commit.engineer,
        "subject": f"change {sha}",
        "message": commit.message,
        "ours": commit.ours,
        "patch_id": commit.patch,
        "trailers": {**commit.trailers, **({"CD-Reverts-Entry": [commit.entry]} if commit.entry else {})},
    }


def candidate(repo: Repository, landing: Landing, payload: Mapping[str, Any]) -> dict[str, Any]:
    """See `worker.git.candidate`."""
    onto, base, head = payload["onto"], payload["base"], payload["head"]
    if base == onto:
        return {"sha": head, "synthetic": False}
    tree, conflicts = pick(repo.tree(base), repo.tree(onto), repo.tree(head))
    if tree is None:
        return {"conflict": conflicts}
    holds = repo[onto].holds | set(repo.steps(base, head))
    made = repo.write("k", onto, tree, holds, message=f"{landing.id}-{landing.attempt}")
    return {"sha": made.sha, "synthetic": True}


def revert(repo: Repository, key: str, payload: Mapping[str, Any], most: int) -> dict[str, Any]:
    """See `worker.git.revert`: trunk is never forced, and a revert that was pushed before is found again.

    ``most`` landings may go along. What trunk needed no commit for, since people undid it by hand, is recorded beside
    trunk: a later replay would else take it for a change that nobody has judged, and bring it back.
    """
    tested, tip = payload["tested"], repo.trunk
    bad = [Change(one["id"], one["base"], one["head"]) for one in payload["bad"]]
    refused = _refused(repo, payload, bad, tip)
    for sha in [] if refused else _after_fork(repo, tested, tip):
        if repo[sha].ours and repo[sha].entry == key:
            parent = repo[sha].parent
            assert parent is not None
            planned = _plan(repo, payload, bad, parent)
            if planned.tree != repo.tree(sha):
                return {"refused": f"{sha} says that it is the revert {key}, but has not its tree"}
            return {"adopted": True, "sha": sha, "tip": tip, **_answer(repo, planned)}
    if refused:
        return {"refused": refused}
    planned = _plan(repo, payload, bad, tip)
    if planned.tree == repo.tree(tip):
        repo.beside |= planned.takes_back
        return {"already": True, "sha": tip, "tip": tip, **_answer(repo, planned)}
    if len(planned.evicted) + sum(1 for _, paths in planned.unseen if paths) > most:
        return {"refused": "cascade"}
    if payload.get("shadow"):
        return {"shadow": True, "would": _answer(repo, planned)}
    holds = repo[tip].holds - planned.takes_back
    made = repo.write("r", tip, planned.tree, holds, entry=key, takes_back=planned.takes_back)
    repo.trunk = made.sha
    return {"sha": made.sha, "tip": made.sha, **_answer(repo, planned)}


def _refused(repo: Repository, payload: Mapping[str, Any], bad: list[Change], tip: str) -> str:
    known = payload["known_tip"]
    if known is not None and not repo.is_ancestor(known, tip):
        return "trunk was rewritten"
    steps = _after_fork(repo, payload["tested"], tip)
    for one in bad:
        if one.head not in steps or one.head in repo[payload["tested"]].holds:
            return f"{one.head} cannot be reverted: tested holds it, or trunk does not"
        if any(repo[sha].ours for sha in repo.steps(one.base, one.head)):
            return "auto-revert"
    return ""


def _after_fork(repo: Repository, tested: str, tip: str) -> list[str]:
    on_trunk = repo.line(tip)
    fork = next(sha for sha in reversed(repo.line(tested)) if sha in on_trunk)
    return repo.steps(fork, tip)


def _plan(repo: Repository, payload: Mapping[str, Any], bad: list[Change], tip: str) -> Planned:
    steps = _after_fork(repo, payload["tested"], tip)
    held = repo[payload["tested"]].holds
    gone = {lost for sha in steps if repo[sha].ours for lost in repo[sha].takes_back} | repo.beside
    kept = [Change(one["id"], one["base"], one["head"]) for one in payload["survivors"]]
    named = {sha for one in (*bad, *kept) for sha in repo.steps(one.base, one.head)}
    strangers = [sha for sha in steps if sha not in named | held | gone and not repo[sha].ours]
    kept = [one for one in kept if one.head not in gone]
    kept += [Change(None, str(repo[sha].parent), sha) for sha in strangers]
    tree = repo.tree(payload["tested"])
    evicted, unseen = [], []
    lost = {sha for one in bad for sha in repo.steps(one.base, one.head)}
    for one in sorted(kept, key=lambda one: steps.index(one.head) if one.head in steps else -1):
        made, conflicts = pick(repo.tree(one.base), tree, repo.tree(one.head))
        if made is None:
            lost |= set(repo.steps(one.base, one.head))
            if one.ident is not None:
                evicted.append((one, conflicts))
        if one.ident is None:
            unseen.append((one, None if made is not None else conflicts))
        tree = made if made is not None else tree
    return Planned(tree, tuple(evicted), tuple(unseen), frozenset(lost - gone))


def _answer(repo: Repository, planned: Planned) -> dict[str, Any]:
    return {
        "evicted": [{"id": one.ident, "paths": paths} for one, paths in planned.evicted],
        "unseen": [
            {
                **told(repo, one.head),
                "evicted": paths is not None,
                **({"paths": paths} if paths is not None else {}),
            }
            for one, paths in planned.unseen
        ],
    }
