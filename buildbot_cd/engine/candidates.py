# SPDX-License-Identifier: GPL-2.0-only
"""Refs of candidates that were built: they go when their landing has ended and nothing rests on them any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import Effect, EffectKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.core.landing.values import Gate, Landing
    from buildbot_cd.store.interface import Tx

BACK = 20
"""So many landings back refs are looked for: a candidate is ``live`` until the next landing is."""


def unneeded(tx: Tx, gate: Gate) -> Iterator[Effect]:
    """For each ref that is not needed any more the effect that deletes it; asked twice, the same effects."""
    recent = tx.landings.recent(gate.name, BACK)
    needed = {gate.tested, gate.live, *(one.candidate for one in tx.landings.open(gate.name))}
    ended = {one.id for one in recent if one.state.terminal and _built(one)}
    for intent in tx.outbox.of_landings(ended) if ended else ():
        sha = (intent.result or {}).get("sha")
        if intent.kind is EffectKind.CANDIDATE and (intent.result or {}).get("synthetic") and sha not in needed:
            attempt = intent.key.rsplit("/", 1)[1].partition(".")[0]
            ref = f"refs/cd/candidate/{intent.landing}-{attempt}"
            key = f"{gate.name}/{intent.landing}/unref/{attempt}"
            yield Effect(EffectKind.MARK, key, {"ref": ref, "new": None, "old": sha})


def _built(landing: Landing) -> bool:
    """True if it may have had a candidate of its own making."""
    return landing.attempt > 1 or landing.candidate not in (None, landing.head)
