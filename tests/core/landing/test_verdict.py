# SPDX-License-Identifier: GPL-2.0-only
"""The failure policy's table, row by row, and what the gate does by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing.values import Mode, State
from buildbot_cd.core.landing.verdict import (
    ABSENT,
    FAILED,
    PASSED,
    UNKNOWN,
    Cause,
    classify,
    classify_test,
    widespread,
)
from tests.core.landing.test_scenarios import landing, push, reconcile, state

if TYPE_CHECKING:
    from buildbot_cd.testing.simulation.world import World

MANY = tuple(f"test_{number}" for number in range(30))


@pytest.mark.parametrize(
    ("retry", "base", "cause"),
    [
        (PASSED, PASSED, Cause.FLAKY),
        (PASSED, FAILED, Cause.FLAKY),
        (PASSED, ABSENT, Cause.FLAKY),
        (FAILED, PASSED, Cause.REAL),
        (FAILED, ABSENT, Cause.REAL),
        (FAILED, FAILED, Cause.SURROUNDINGS),
        (FAILED, UNKNOWN, Cause.UNDECIDED),
        (UNKNOWN, PASSED, Cause.UNDECIDED),
        (UNKNOWN, FAILED, Cause.UNDECIDED),
    ],
)
def test_each_row_of_the_table(retry: str, base: str, cause: Cause) -> None:
    """The second run on another worker, and the same test on the tested revision."""
    assert classify_test(retry, base) is cause


def test_one_real_failure_is_enough() -> None:
    """Tests are judged one by one: a flake beside a real failure excuses nothing, and neither does a sick test."""
    found = classify(("a", "b", "c"), {"a": PASSED, "b": FAILED, "c": FAILED}, {"b": PASSED, "c": FAILED})
    assert found.cause is Cause.REAL
    assert found.named(Cause.REAL) == ("b",)


@pytest.mark.parametrize(
    ("failing", "ill", "ran", "share", "found"),
    [
        (30, 30, 100, 0.2, 30),
        (30, 7, 100, 0.2, 7),
        (30, 6, 100, 0.2, 0),
        (30, 0, 100, 0.2, 0),
        (30, 30, 150, 0.2, 0),
        (9, 9, 10, 0.2, 0),
        (30, 30, 30, 1.0, 0),
    ],
)
def test_when_the_surroundings_are_broken_at_large(failing: int, ill: int, ran: int, share: float, found: int) -> None:
    """More than the share of all tests fail, and more than the share of those without the change too."""
    names = MANY[:failing]
    base = {test: FAILED if place < ill else PASSED for place, test in enumerate(names)}
    assert widespread(names, base, ran, share) == found


def confirm(world: World, ill: int) -> None:
    """30 of 40 tests fail in both runs, ``ill`` of them on the tested revision too."""
    (run,) = world.checking
    run.result = {"verdict": "failed", "failing": list(MANY), "ran": 40}
    reconcile(world)
    (run,) = world.checking
    assert run.payload["ran"] == 40
    base = {test: FAILED if place < ill else PASSED for place, test in enumerate(MANY)}
    run.result = {"retry": dict.fromkeys(MANY, FAILED), "base": base}
    reconcile(world)


def test_most_tests_fail_without_the_change_too_then_nothing_is_reverted(world: World) -> None:
    """Though some pass on the tested revision: the landing is held, tried again, and then the gate waits for people."""
    head = push(world, "ann@x", "a")
    for attempt in range(world.policy.infra_attempts):
        confirm(world, 25)
        assert state(world, head) is State.INFRA_HOLD, attempt
        world.now += 700
        reconcile(world)
    confirm(world, 25)
    assert state(world, head) is State.HALTED
    assert world.view.gate.mode is Mode.HALTED
    text = "30 of 40 tests fail, 25 of them on the tested revision too: the surroundings are broken, not this change"
    assert text in world.view.gate.mode_reason
    assert not any("/revert/" in key for key in world.view.intents)


def test_a_change_that_breaks_everything_by_itself_is_taken_back(world: World) -> None:
    """The tested revision is well, so it is the change, however many tests it breaks."""
    head = push(world, "ann@x", "a")
    confirm(world, 2)
    assert state(world, head) is State.REVERTING
    assert len(landing(world, head).failing) == 28


@pytest.mark.parametrize(
    ("base", "said"), [(PASSED, "passes without this change"), (ABSENT, "is new with this change")]
)
def test_a_test_that_failed_twice_takes_its_landing_back_also_if_it_is_new(world: World, base: str, said: str) -> None:
    """The reason tells which of the two it is: nobody looks for a run that there cannot have been."""
    head = push(world, "ann@x", "a")
    (run,) = world.checking
    run.result = {"verdict": "failed", "failing": ["t"], "ran": 40}
    reconcile(world)
    (run,) = world.checking
    run.result = {"retry": {"t": FAILED}, "base": {"t": base}}
    reconcile(world)
    assert state(world, head) is State.REVERTING
    assert landing(world, head).reason == f"t failed twice on different workers and {said}"


def test_what_came_of_new_tests_is_told_with_a_flake(world: World) -> None:
    """The second look's answer carries it, and the landing's reason shows it."""
    head = push(world, "ann@x", "a")
    (run,) = world.checking
    run.result = {"verdict": "failed", "failing": ["t"], "ran": 40}
    reconcile(world)
    (run,) = world.checking
    run.result = {"retry": {"t": PASSED}, "base": {"t": ABSENT}, "new_tests": "flaky, in quarantine until mended: t"}
    reconcile(world)
    (line,) = (
        one
        for one in world.store.transact_now(lambda tx: tx.landings.transitions(landing(world, head).id))
        if one.after is State.PASSED
    )
    assert line.reason == "t passed on another worker: flaky, noted; flaky, in quarantine until mended: t"


@pytest.mark.parametrize(
    ("retry", "base", "said"),
    [
        ({"t": FAILED}, {"t": FAILED}, "t fails on the tested revision too: not this change"),
        ({"t": FAILED}, {}, "the second run gave no verdict"),
        ({}, {"t": PASSED}, "the second run gave no verdict"),
    ],
    ids=["before it already", "nothing of tested", "nothing of the second run"],
)
def test_what_is_no_verdict_is_tried_again_and_then_people_are_asked(
    world: World, retry: dict[str, str], base: dict[str, str], said: str
) -> None:
    """Held with a back-off, four times in all; then the gate is halted with the reason, and nothing was reverted."""
    head = push(world, "ann@x", "a")
    for attempt in range(world.policy.infra_attempts + 1):
        (run,) = world.checking
        run.result = {"verdict": "failed", "failing": ["t"], "ran": 40}
        reconcile(world)
        (run,) = world.checking
        run.result = {"retry": retry, "base": base}
        reconcile(world)
        last = attempt == world.policy.infra_attempts
        assert state(world, head) is (State.HALTED if last else State.INFRA_HOLD)
        world.now += 700
        reconcile(world)
    assert f"{said}; tried 4 times" in world.view.gate.mode_reason
    assert not any("/revert/" in key for key in world.view.intents)
