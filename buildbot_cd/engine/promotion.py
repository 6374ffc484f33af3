# SPDX-License-Identifier: GPL-2.0-only
"""A watch that a person ended early: how a rollout's row says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.store.rows import RolloutState

if TYPE_CHECKING:
    from buildbot_cd.store.rows import Rollout


def promotion(stage: str, by: str, reason: str) -> str:
    """What is written when somebody ends this stage's watch."""
    return f"{stage}: by {by}: {reason}"


def promotable(rollout: Rollout) -> bool:
    """Whether a stage is watched, and nobody has ended that yet."""
    return rollout.state is RolloutState.WATCHING and not promoted(rollout, rollout.stage)


def promoted(rollout: Rollout, stage: str) -> str:
    """Who ended this stage's watch early, and why; empty if nobody did."""
    return rollout.promoted.removeprefix(f"{stage}: ") if rollout.promoted.startswith(f"{stage}: ") else ""
