# SPDX-License-Identifier: GPL-2.0-only
"""Rollouts and verdicts as JSON. The baseline stays out: it is large, and the judge's alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import State
from buildbot_cd.engine.promotion import promotable
from buildbot_cd.engine.views.hosts import mark
from buildbot_cd.store.rows import ROLLOUT_ENDED, RolloutState

if TYPE_CHECKING:
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Rollout, Verdict
    from buildbot_cd.store.wanted import Wanted


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """What changes of a rollout, as its events tell it."""
    return {
        **{name: getattr(rollout, name) for name in _CHANGING},
        "state": rollout.state.value,
        "open": rollout.state not in ROLLOUT_ENDED,
    }


_CHANGING = ("id", "landing", "gate", "release", "stage", "reason", "ended_at", "promoted", "version")


def rollouts_view(tx: Tx, wanted: Wanted) -> tuple[list[dict[str, Any]], int]:
    """A page of rollouts, and how many match in all."""
    found, total = tx.rollouts.find(wanted)
    return [_brief(tx, one) for one in found], total


def landing_rollouts_view(tx: Tx, landing: int) -> list[dict[str, Any]] | None:
    """A landing's rollouts, None if there is no such landing."""
    if tx.landings.get(landing) is None:
        return None
    return [_full(tx, one) for one in tx.rollouts.for_landing(landing)]


def rollout_view(tx: Tx, ident: int) -> dict[str, Any] | None:
    """One rollout, None if there is none of this id."""
    rollout = tx.rollouts.get(ident)
    return None if rollout is None else _full(tx, rollout)


def _brief(tx: Tx, rollout: Rollout) -> dict[str, Any]:
    return {
        **rollout_row(rollout),
        **{name: getattr(rollout, name) for name in ("candidate", "fence", "seed", "started_at")},
        "stages": [
            {"name": one["name"], "hosts": len(one["hosts"]), "watch": one["watch"], "budget": one["budget"]}
            for one in rollout.plan.get("stages", ())
        ],
        "size": len(rollout.plan.get("hosts", ())),
        "marks": None,
        "verdict": None,
        "can": ["roll_back"] * can_roll_back(tx, rollout) + ["promote"] * promotable(rollout),
    }


def _full(tx: Tx, rollout: Rollout) -> dict[str, Any]:
    verdicts = tx.verdicts.of_rollout(rollout.id)
    marks: Counter[str] = Counter()
    for group in tx.rollouts.alike(rollout.id):
        marks[mark(group, rollout.release)] += group.number
    newest = verdicts[-1] if verdicts else None
    told = {name: getattr(newest, name) for name in ("stage", "at", "kind", "reason")} if newest else None
    return {**_brief(tx, rollout), "marks": dict(marks), "verdict": told}


def can_roll_back(tx: Tx, rollout: Rollout) -> bool:
    """Whether the rules allow it: the landing is being deployed by this rollout, or settles after it."""
    landing = None if rollout.landing is None else tx.landings.get(rollout.landing)
    if landing is not None and landing.state is State.SETTLING:
        return rollout.state is RolloutState.DONE and tx.rollouts.for_landing(landing.id)[-1].id == rollout.id
    return landing is not None and landing.state is State.DEPLOYING and rollout.state not in ROLLOUT_ENDED


def verdicts_view(tx: Tx, ident: int) -> list[dict[str, Any]] | None:
    """A rollout's verdicts, None if there is no such rollout."""
    if tx.rollouts.get(ident) is None:
        return None
    return [_verdict(one) for one in tx.verdicts.of_rollout(ident)]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    told = verdict.evidence
    return {
        **{name: getattr(verdict, name) for name in ("id", "rollout", "stage", "at", "kind", "reason")},
        "culprits": list(told.get("culprits") or ()),
        "log_e": told.get("log_e"),
        "needed": told.get("needed"),
        "metrics": list(told.get("metrics") or ()),
    }
