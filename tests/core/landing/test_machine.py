# SPDX-License-Identifier: GPL-2.0-only
"""The gate under everything at once. BUILDBOT_CD_MACHINE=20000 searches for about an hour instead of half a minute."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import GateMachine

from buildbot_cd.core.landing.values import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("BUILDBOT_CD_MACHINE", "60"))


def test_no_order_of_events_breaks_an_invariant() -> None:
    """Hypothesis looks for an order that does, and makes it as short as it can."""
    wanted = settings(
        max_examples=EXAMPLES, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(GateMachine, settings=wanted)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("seed", range(EXAMPLES // 2))
def test_long_walks_break_none_either(seed: int) -> None:
    """Long random walks come to places deep in a busy day that short ones do not see."""
    walk(seed, 150)


def walk(seed: int, steps: int) -> GateMachine:
    """So many random steps, the more likely ones more often; then everything comes to rest."""
    chance = Random(seed)
    machine = GateMachine()  # type: ignore[no-untyped-call]
    machine.begin(
        deploys=chance.random() < 0.85,
        checks=chance.random() < 0.85,
        preempt=chance.random() < 0.5,
        night=chance.random() < 0.2,
        cascade=chance.choice([50, 50, 2]),
        caps=chance.choice([(1, 2, 1), (3, 6, 2), (50, 50, 50), (4, 10, 1)]),
    )
    try:
        for _ in range(steps):
            chance.choices(*zip(*doings(machine, chance), strict=True))[0]()
            machine.holds()
    finally:
        machine.teardown()
    return machine


def doings(machine: GateMachine, chance: Random) -> list[tuple[Callable[[], object], int]]:
    """What may happen next, and how often it does."""
    who = chance.choice(["ann@x", "ann2@x", "bob@x", "cid@x", "dan@x", "eve@x"])
    which, one = chance.randrange(10), chance.choice("abcdef")
    kind = chance.choice(["good"] * 5 + ["broken", "broken", "harmful", "needy"])
    order = chance.choice(["withdraw", "hold", "release", "release", "roll_back"])
    mode = chance.choice([Mode.CLOSED, Mode.CLOSED, Mode.DRAIN, Mode.HALTED])
    return [
        (lambda: machine.push(who, {one, chance.choice("abcdef")}, kind, tell=chance.random() < 0.8), 12),
        (lambda: machine.undo_by_hand(who, one), 2),
        (lambda: machine.push_with_a_hook(who, chance.random() < 0.5, chance.choice(["INC-1", ""])), 3),
        (lambda: machine.push_again(who, which, chance.choice(["", "mended the runner"])), 3),
        (lambda: machine.forge_a_revert(who, which), 1),
        (lambda: machine.reconcile(which % 2, chance.randint(1, 15)), 25),
        (lambda: machine.reconcile_a_whole_round(which % 2), 10),
        (lambda: machine.everybody_works(1), 3),
        (lambda: machine.kill_master(which % 2), 4),
        (lambda: machine.work(which, chance.randint(1, 4), chance.choice([""] * 9 + ["refused"])), 30),
        (lambda: machine.kill_worker(which, again=chance.random() < 0.6), 3),
        (lambda: machine.check_ends(which, chance.choice([""] * 6 + ["flaky", "infra"])), 15),
        (lambda: machine.tell_again(which), 1),
        (lambda: machine.surroundings(f"test_{one}", chance.random() < 0.8), 2),
        (lambda: machine.time_passes(chance.choice([1, 7, 40, 700, 4000, -5000])), 8),
        (lambda: machine.order_about_a_landing(which, order), 3),
        (lambda: machine.freeze(mode, chance.choice([None, 500, 5000]), chance.choice([0, 1000])), 1),
        (machine.resume, 4),
    ]
