# SPDX-License-Identifier: GPL-2.0-only
"""Hours in which a release was bad for the fleet are no measure of what is usual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.immune import Bad, MetricSpec
from buildbot_cd.core.immune.seasonal import WEEK, season_of
from buildbot_cd.core.landing.moves import enter
from buildbot_cd.core.landing.values import Gate, State
from buildbot_cd.engine.history import AFTERMATH, bad_times, without
from buildbot_cd.store.memory import MemoryStore

if TYPE_CHECKING:
    from buildbot_cd.store.interface import Tx

WAY = (State.PREPARING, State.TESTING, State.PASSED, State.DEPLOYING, State.ROLLING_BACK, State.REVERTING)


def reverted(tx: Tx, kind: str, begun: float) -> None:
    """A landing that came into a further state every 100 s and ended taken back, for this reason."""
    landing = tx.landings.add("trunk", "b", f"h{begun}{kind}", "ann", "A change", "", begun)
    for number, state in enumerate((*WAY, State.REVERTED), 1):
        at = begun + 100.0 * number
        landing = tx.landings.update(enter(landing, state, at, kind, revert_kind=kind), "gate", kind, at)


def test_only_releases_that_production_showed_to_be_bad_are_left_out() -> None:
    """From deployment to the hosts' way back and a while after; neither failed tests nor older ones count."""
    store = MemoryStore()

    def past(tx: Tx) -> list[tuple[float, float]]:
        tx.gates.create(Gate("trunk"))
        reverted(tx, "deploy", 1_000.0)
        reverted(tx, "test", 5_000.0)
        reverted(tx, "deploy", 9_000.0)
        return bad_times(tx, "trunk", 2_000.0)

    assert store.transact_now(past) == [(9_400.0, 9_600.0 + AFTERMATH)]


@pytest.mark.parametrize(
    ("at", "stays"), [(100.0, True), (101.0, False), (159.0, False), (210.0, True), (209.0, False)]
)
def test_a_value_counts_for_the_step_before_it(at: float, stays: bool) -> None:
    """What touches a bad time anywhere is left out."""
    assert (at in without({at: 1.0}, 10.0, [(100.0, 200.0)])) == stays


def test_an_outage_of_a_week_ago_does_not_hide_a_new_one() -> None:
    """With bad hours in two of the last four weeks the fleet's usual level is the good weeks' all the same."""
    step, switch = 300.0, 8 * WEEK
    usual = {n * step: 20.0 + n % 2 for n in range(round(switch / step) + 1)}
    bad = [(switch - w * WEEK, switch - w * WEEK + 3600.0) for w in (1, 2)]
    known = {at: value * (0.2 if any(a < at <= b for a, b in bad) else 1.0) for at, value in usual.items()}
    spec = MetricSpec("orders", bad=Bad.DOWN, tolerance=0.1)

    def level(past: dict[float, float], weeks: int = 4) -> float:
        found = season_of(spec, past, switch, step, weeks=weeks, watch=3600.0, tolerance=0.1)
        assert found is not None
        return found.usual[4]

    assert level(known) < level(usual) - 0.5
    assert level(without(known, step, bad), weeks=5) == pytest.approx(level(usual, weeks=5), abs=0.05)
