# SPDX-License-Identifier: GPL-2.0-only
"""Out of production: what a landing that failed there takes along, and what stays where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.moves import Move, effect_of, enter, mark, notice, requeue
from buildbot_cd.core.landing.values import EffectKind, Landing, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_TEST = frozenset({State.PREPARING, State.TESTING, State.CONFIRMING, State.INFRA_HOLD, State.PASSED})
"""States whose candidate rests on ``tested``: they start anew when ``tested`` moves back."""


def settling(snapshot: Snapshot) -> Landing | None:
    """The landing that is on the whole fleet and is watched on, while the next may be deployed; one at most."""
    return next((one for one in snapshot.landings if one.state is State.SETTLING), None)


def base_of(snapshot: Snapshot, landing: Landing) -> str | None:
    """The revision that production goes back to without this landing: what settles beneath it, else ``live``."""
    below = settling(snapshot)
    return snapshot.gate.live if below is None or below.id == landing.id else below.candidate


def take_back(
    snapshot: Snapshot, landing: Landing, now: float, reason: str, failing: tuple[str, ...], actor: str = "gate"
) -> Move:
    """Roll production back: ``tested`` returns to what was there before, and whoever rests on this landing starts anew.

    If it has settled while a newer one is in the deploy slot, that one's hosts go back in the same switch, over both
    releases at once, and it gives up the slot: it is not to blame.
    """
    gate, newer = snapshot.gate, _newer(snapshot, landing)
    back = replace(gate, tested=base_of(snapshot, landing), epoch=gate.epoch + 1)
    rolling = enter(landing, State.ROLLING_BACK, now, reason, failing=failing, infra_attempts=0, revert_kind="deploy")
    without = f"retested without landing {landing.id}, which is being taken back"
    waiting = [requeue(one, now, without) for one in snapshot.landings if one.state in IN_TEST or _rests(one, newer)]
    notices = [notice(one, "retest", cause=landing.id) for one in waiting]
    doomed = [_later(one, landing, now) for one in (newer,) if one is not None and one.state is State.ROLLING_BACK]
    over = [] if newer is None else [newer.id]
    ask = effect_of(
        rolling, EffectKind.ROLLBACK, candidate=landing.candidate, live=back.tested, reason=reason, over=over
    )
    return Move(
        reason,
        actor=actor,
        landings=(rolling, *waiting, *doomed),
        gate=back,
        take=() if snapshot.slots.get(Slot.DEPLOY) == landing.id else ((Slot.DEPLOY, landing.id),),
        free=tuple(_freed(snapshot, landing, {one.id for one in waiting})),
        effects=(ask, mark(back, "tested", back.tested, gate.tested), *notices),
        drop=(landing.id, *(one.id for one in (*waiting, *doomed))),
    )


def _newer(snapshot: Snapshot, landing: Landing) -> Landing | None:
    """Who came into deployment after a landing that settles."""
    holder = snapshot.holder(Slot.DEPLOY)
    return holder if holder is not None and holder.id != landing.id else None


def _rests(landing: Landing, newer: Landing | None) -> bool:
    """Whether it is in production on top of the one that is taken back, and not itself being taken back."""
    return newer is not None and landing.id == newer.id and not landing.revert_kind


def _later(landing: Landing, older: Landing, now: float) -> Landing:
    """Its hosts go back with the older one's; what is left of taking it back, the revert, follows that of the older."""
    return enter(landing, State.QUEUED, now, f"{landing.reason}; its hosts go back with those of landing {older.id}")


def _freed(snapshot: Snapshot, landing: Landing, waiting: set[int]) -> Iterator[tuple[Slot, int]]:
    for slot, held in snapshot.slots.items():
        if (slot is Slot.TEST and held in waiting) or (slot is Slot.DEPLOY and held != landing.id):
            yield slot, held
