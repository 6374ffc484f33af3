# SPDX-License-Identifier: GPL-2.0-only
"""When each landing gets its turn and is live, if the stages before it take what they took of late.

The gate is a line of two places: one landing in test, one in deployment, and the one in test stays until the other is
through. Played forward with one quantile of the stages' lengths for all of them, it gives one end of a range; the 90th
percentile of every stage added up is later than the 90th percentile of the sum, so the later end is cautious.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.admission import passes, queue
from buildbot_cd.core.landing.moves import HELD
from buildbot_cd.core.landing.spans import FEWEST, quantile
from buildbot_cd.core.landing.values import Landing, Mode, Slot, Snapshot, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.landing.moves import Policy
    from buildbot_cd.core.landing.spans import Usual


@dataclass(frozen=True, slots=True)
class Forecast:
    """Landing id to the moment of its turn in the test slot, and of being live; who is missing cannot be told."""

    turn: dict[int, float] = field(default_factory=dict)
    live: dict[int, float] = field(default_factory=dict)


def forecast(
    snapshot: Snapshot,
    held: Mapping[Slot, tuple[int, float]],
    usual: Usual,
    policy: Policy,
    now: float,
    share: float,
) -> Forecast:
    """Play the gate forward with this quantile of every stage's length."""
    return _Line(snapshot, held, usual, policy, now, share).play()


class _Line:
    """One play. A moment of None is unknown, and so is everything behind it."""

    def __init__(
        self,
        snapshot: Snapshot,
        held: Mapping[Slot, tuple[int, float]],
        usual: Usual,
        policy: Policy,
        now: float,
        share: float,
    ) -> None:
        self.snapshot, self.held, self.now, self.share = snapshot, held, now, share
        self.test = usual.test if policy.checks else (0.0,) * FEWEST
        self.deploy = usual.deploy if policy.deploys else (0.0,) * FEWEST
        self.revert = usual.revert
        self.settle = policy.settle if policy.deploys else 0.0
        self.told = Forecast()

    def play(self) -> Forecast:
        clear = self._taken_back()
        self._settling()
        test_free, deploy_free = self._tested(clear, _later(self._deployed(clear), clear))
        test_free = _later(test_free, clear)
        for one in queue(self.snapshot):
            if one.not_before is not None and one.not_before >= HELD:
                continue
            turn = _later(_later(test_free, self._opens(one)), one.not_before or self.now)
            begins = _later(_plus(turn, self._full(self.test)), deploy_free)
            live = _plus(begins, self._full(self.deploy))
            self._tell(one, turn, live)
            if turn is None and not passes(self.snapshot.gate, one):
                continue  # it waits for a person; those that pass the freeze do not wait for it
            test_free, deploy_free = begins, live
        return self.told

    def _settling(self) -> None:
        """When the landing that is watched on is live, at the latest; it holds nobody up."""
        for one in self.snapshot.landings:
            if one.state is State.SETTLING:
                self.told.live[one.id] = max(self.now, one.since + self.settle)

    def _taken_back(self) -> float | None:
        """When nothing is being taken back any more."""
        until: float | None = self.now
        for one in self.snapshot.landings:
            if one.state in (State.ROLLING_BACK, State.REVERTING):
                until = _later(until, _plus(self.now, self._rest(self.revert, one.since)))
            elif one.state is State.HALTED or (one.state is State.QUEUED and one.revert_kind):
                until = None
        return until

    def _opens(self, one: Landing) -> float | None:
        """When the gate admits this landing, as far as its mode goes."""
        gate = self.snapshot.gate
        if passes(gate, one):
            return self.now
        return None if gate.mode is Mode.HALTED else gate.mode_until

    def _deployed(self, clear: float | None) -> float | None:
        """When the landing in deployment is live; ``clear`` if there is none."""
        one = self.snapshot.holder(Slot.DEPLOY)
        if one is None or one.state is not State.DEPLOYING:
            return clear
        if one.not_before is not None and one.not_before > self.now:
            live = _plus(one.not_before, self._full(self.deploy))
        else:
            live = _plus(self.now, self._rest(self.deploy, self._entered(Slot.DEPLOY, one)))
        self._tell(one, None, live)
        return live

    def _tested(self, clear: float | None, deploy_free: float | None) -> tuple[float | None, float | None]:
        """When the test slot is free, and the deploy slot behind the landing that is in test now."""
        one = self.snapshot.holder(Slot.TEST)
        if one is None or one.state in (State.ROLLING_BACK, State.REVERTING):
            return clear, deploy_free
        begins = _later(_later(self._passes(one), deploy_free), clear)
        if self.snapshot.gate.mode is not Mode.DRAIN:
            begins = _later(begins, self._opens(one))
        live = _plus(begins, self._full(self.deploy))
        self._tell(one, None, live)
        return begins, live

    def _passes(self, one: Landing) -> float | None:
        waits = one.not_before if one.not_before is not None and one.not_before > self.now else None
        if one.state is State.PASSED:
            return None if waits is not None and waits >= HELD else waits or self.now
        if one.state is State.INFRA_HOLD:
            return _plus(waits or self.now, self._full(self.test))
        if one.state is State.HALTED:
            return None
        return _plus(self.now, self._rest(self.test, self._entered(Slot.TEST, one)))

    def _entered(self, slot: Slot, one: Landing) -> float:
        landing, at = self.held.get(slot, (one.id, one.since))
        return at if landing == one.id else one.since

    def _full(self, lengths: Sequence[float]) -> float | None:
        return quantile(lengths, self.share) if len(lengths) >= FEWEST else None

    def _rest(self, lengths: Sequence[float], entered: float) -> float | None:
        """What is left of a stage, from those that took longer than it has taken already."""
        if len(lengths) < FEWEST:
            return None
        spent = self.now - entered
        longer = [one - spent for one in lengths if one >= spent]
        return quantile(longer, self.share) if longer else None

    def _tell(self, one: Landing, turn: float | None, live: float | None) -> None:
        if turn is not None:
            self.told.turn[one.id] = turn
        if live is not None:
            self.told.live[one.id] = live + self.settle


def _later(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def _plus(moment: float | None, seconds: float | None) -> float | None:
    return None if moment is None or seconds is None else moment + seconds
