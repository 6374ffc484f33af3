# SPDX-License-Identifier: GPL-2.0-only
"""Rollouts, their hosts and verdicts as both stores keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from buildbot_cd.store.rows import HostRow, Rollout, Verdict
from buildbot_cd.store.text import as_key, as_stored, clean, clean_or_none


def new_rollout(rollout: Rollout) -> Rollout:
    """The rollout as it comes back from the database."""
    return replace(
        rollout,
        key=as_key(rollout.key, "rollout"),
        gate=as_key(rollout.gate, "gate"),
        release=clean(rollout.release),
        candidate=clean(rollout.candidate),
        plan=as_stored(rollout.plan),
        baseline=as_stored(rollout.baseline),
        stage=clean(rollout.stage),
        reason=clean(rollout.reason),
        promoted=clean(rollout.promoted),
    )


def changed_rollout(known: Rollout, wanted: Rollout) -> Rollout:
    """What is stored when ``wanted`` is written over ``known``."""
    return new_rollout(
        replace(
            known,
            state=wanted.state,
            stage=wanted.stage,
            plan=wanted.plan,
            baseline=wanted.baseline,
            ended_at=wanted.ended_at,
            reason=wanted.reason,
            promoted=wanted.promoted,
            version=wanted.version + 1,
        )
    )


def stored_host(ident: int, row: HostRow) -> HostRow:
    """The host's row as it comes back from the database."""
    return HostRow(
        ident,
        as_key(row.host, "host"),
        clean(row.role),
        clean(row.stage),
        clean_or_none(row.desired),
        clean_or_none(row.observed),
        clean_or_none(row.previous),
        clean(row.phase),
        clean(row.error),
        row.at,
    )


def new_verdict(
    ident: int, rollout: int, stage: str, at: float, kind: str, reason: str, evidence: Mapping[str, Any]
) -> Verdict:
    """The verdict as it comes back from the database."""
    return Verdict(ident, rollout, clean(stage), at, clean(kind), clean(reason), as_stored(evidence))
