# SPDX-License-Identifier: GPL-2.0-only
"""Why a revert must not be made: looked at again right before every push."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.git.history import is_ancestor, range_of, read
from buildbot_cd.worker.git.trees import changed, renamed, tree_of, unpick

if TYPE_CHECKING:
    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.plan import Plan
    from buildbot_cd.worker.git.revert_request import Ask
    from buildbot_cd.worker.git.run import Git
    from buildbot_cd.worker.git.trunk import Trunk


def before(mirror: Mirror, ask: Ask, trunk: Trunk) -> dict[str, Any] | None:
    """Why the request does not fit trunk: {refused: text}; None if it does."""
    git = mirror.git
    if ask.known_tip is not None and not is_ancestor(git, ask.known_tip, trunk.tip):
        return {"refused": f"trunk was rewritten: its tip {trunk.tip} does not hold {ask.known_tip}"}
    on_line = {step.sha for step in trunk.steps}
    for one in ask.bad:
        if one.head not in on_line:
            where = "tested holds it" if is_ancestor(git, one.head, ask.tested) else "trunk does not hold it"
            return {"refused": f"{one.head} cannot be reverted on {ask.tested}: {where}"}
        if one.head in trunk.held:
            return {"refused": f"{one.head} cannot be reverted on {ask.tested}: tested holds it as a candidate"}
        own = [sha for sha in range_of(git, one.base, one.head) if sha in trunk.ours]
        if own:
            return {"refused": "auto-revert", "sha_refused": own[-1]}
    return None


def after(git: Git, ask: Ask, plan: Plan, trunk: Trunk) -> dict[str, Any] | None:
    """Why the plan is not carried out: {refused: text, ...}; None if it may be pushed."""
    if len(plan.evicted) > ask.max_cascade:
        return {"refused": "cascade", "max_cascade": ask.max_cascade}
    others = _others(git, plan)
    if len(others) > ask.max_engineers:
        return {"refused": "cascade", "max_engineers": ask.max_engineers, "engineers": others}
    strange = sorted(set(changed(git, plan.tip, plan.tree)) - _allowed(git, plan, trunk))
    if strange:
        return {"refused": f"the revert would change {', '.join(strange[:5])}, which no reverted change touched"}
    # A bad change that itself took another one back, which the gate has dropped since, would bring that one back here.
    comparable = not plan.evicted and not trunk.records(trunk.until(plan.tip))
    classic = _classic(git, plan) if comparable else None
    if classic is not None and classic != plan.tree:
        return {"refused": f"replay gives tree {plan.tree}, but git revert gives {classic}", "classic": classic}
    return None


def _others(git: Git, plan: Plan) -> list[str]:
    """Who else would lose work: committers of what is evicted, but for those of what was asked for."""
    own = {sha for one in plan.bad for sha in one.commits}
    lost = {sha for one in plan.evicted for sha in one.commits}
    commits = read(git, sorted(own | lost), mailmap_of=plan.tip)
    who = {sha: commit.committer_email.lower() for sha, commit in commits.items()}
    return sorted({who[sha] for sha in lost} - {who[sha] for sha in own})


def _allowed(git: Git, plan: Plan, trunk: Trunk) -> set[str]:
    """Paths that the reverted changes touched, under all the names that later changes gave them."""
    allowed = {path for one in plan.taken_back for path in changed(git, one.range.base, one.range.head)}
    for step in trunk.until(plan.tip):
        for old, new in renamed(git, step.parent, step.sha):
            if old in allowed or new in allowed:
                allowed |= {old, new}
    return allowed


def _classic(git: Git, plan: Plan) -> str | None:
    """The tree that ``git revert`` gives, newest landing first; None if that conflicts."""
    tree: str | None = tree_of(git, plan.tip)
    for one in reversed(plan.bad):
        if tree is not None:
            tree = unpick(git, tree, one.range.base, one.range.head).tree
    return tree
