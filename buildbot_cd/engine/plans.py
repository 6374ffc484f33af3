# SPDX-License-Identifier: GPL-2.0-only
"""The second look at a plan that could not be made: the repository's map or the tests' marks are wrong.

No runner can say anything of that, so it is planned once more on both sides. A revision with a wrong map is then one
whose map fails, as a test does; otherwise one bad file would hold everybody up until a person takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.verdict import FAILED, PASSED, UNKNOWN
from buildbot_cd.store.rows import RunState

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Intent, Landing
    from buildbot_cd.store.interface import Tx

MAP = "map:"
"""Prefix of what a plan names as failing when it cannot be made."""

BUILDER = "cd-plan"


def key_of(intent: Intent, side: str) -> str:
    """The name of one side's plan."""
    return f"{intent.key}#{side}-plan"


def start(tx: Tx, intent: Intent, side: str, revision: str, now: float) -> dict[str, Any]:
    """Open the side's run; the properties of the build that plans it."""
    run = tx.runs.create(key_of(intent, side), intent.gate, intent.landing, side, revision, now)
    return {"cd_run": run.id, "cd_range": span(tx.landings.get(intent.landing or 0))}


def span(landing: Landing | None) -> dict[str, str]:
    """What a plan is told of the push: from where to where, and what its commits say."""
    if landing is None:
        return {"base": "", "head": "", "message": ""}
    return {"base": landing.base, "head": landing.head, "message": landing.message[:20_000]}


def word(tx: Tx, intent: Intent, side: str, now: float) -> str:
    """What came of the side's plan, once its build has ended; the tests that it would run are left alone.

    A map that is wrong once and right the next time proves nothing: no tests have run, so it has not passed.
    """
    run = tx.runs.by_key(key_of(intent, side))
    if run is None or run.state is RunState.PLANNING or run.error:
        return UNKNOWN
    tx.runs.finish(run.id, now)
    if any(nid.startswith(MAP) for nid in tx.runs.nids(run.id)):
        return FAILED
    return PASSED if side == "base" else UNKNOWN
