# SPDX-License-Identifier: GPL-2.0-only
"""Every invariant that the explanation lists is one that the searches ask for, under the same name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from buildbot_cd.core.landing.moves import Move, Policy
from buildbot_cd.core.landing.values import Gate, Landing, Mode, Slot, State
from buildbot_cd.testing.simulation.history import ANYTIME
from buildbot_cd.testing.simulation.rest import AT_REST
from buildbot_cd.testing.simulation.safety import EACH_COMMIT
from buildbot_cd.testing.simulation.store import View
from buildbot_cd.testing.simulation.world import World

NAMES = {f"S{n}" for n in range(1, 16)} | {"C1", "C2"} | {f"L{n}" for n in range(1, 6)}
PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "gate.md"


def test_all_are_asked_for_and_all_are_told() -> None:
    """S1 to S15, C1 and C2, L1 to L5, in the page's table and in the code; S12 is the witness's own."""
    assert {*EACH_COMMIT, *ANYTIME, *AT_REST, "S12"} == NAMES
    assert set(re.findall(r"^\| ([SCL]\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == NAMES


def test_a_move_that_could_be_done_twice_is_noticed() -> None:
    """S12: one that changes no row passes every compare and set."""
    world = World(Policy(), masters=1)
    world.witness.must_be_refused(Move("nothing"))
    assert world.witness.broken == ["S12: nothing could be done twice"]


LANDING = Landing(1, "trunk", "root", "c1", "ann@x", "One", candidate="c1")
OTHER = replace(LANDING, id=2, base="c1", head="c2", engineer="bob@x")
GATE = Gate("trunk", trunk="root", tested="root", live="root")


def view(*landings: Landing, gate: Gate = GATE, slots: dict[Slot, int] | None = None) -> View:
    """Rows as somebody could have written them."""
    return View(gate, slots or {}, {one.id: one for one in landings}, {})


def at(landing: Landing, state: State, **more: Any) -> Landing:
    """The landing in this state."""
    return replace(landing, state=state, **more)


QUEUED, TESTING = view(LANDING, OTHER), at(LANDING, State.TESTING)
HELD = {Slot.TEST: 1}
FORBIDDEN: dict[str, list[tuple[View, View]]] = {
    "S1": [(QUEUED, view(TESTING, at(OTHER, State.PASSED), slots=HELD)), (QUEUED, view(TESTING, OTHER))],
    "S2": [
        (QUEUED, view(TESTING, at(OTHER, State.REVERTING), slots=HELD)),
        (QUEUED, view(TESTING, OTHER, slots=HELD, gate=replace(GATE, mode=Mode.DRAIN))),
        (QUEUED, view(TESTING, OTHER, slots=HELD, gate=replace(GATE, mode=Mode.CLOSED, min_priority=5))),
    ],
    "S3": [(view(at(LANDING, State.PASSED)), view(at(LANDING, State.DEPLOYING)))],
    "S4": [(view(LANDING, gate=replace(GATE, tested="c1")), view(LANDING))],
    "S5": [(view(TESTING), view(at(LANDING, State.REVERTING, revert_kind="test")))],
    "S6": [(view(TESTING), view(at(LANDING, State.REVERTING, revert_kind="test")))],
    "S8": [
        (view(LANDING), view(at(LANDING, State.TESTING, candidate="root"))),
        (
            QUEUED,
            view(
                at(LANDING, State.REVERTED), at(OTHER, State.TESTING, candidate="c2"), gate=replace(GATE, tested="c1")
            ),
        ),
        (QUEUED, view(at(LANDING, State.LIVE), at(replace(OTHER, base="root", head="c1"), State.TESTING))),
    ],
    "S10": [(QUEUED, view(LANDING, at(OTHER, State.TESTING)))],
    "S14": [
        (
            view(
                LANDING,
                *(at(replace(OTHER, id=n), State.REVERTED, since=9e5 + n, revert_kind="test") for n in range(2, 9)),
            ),
            view(
                at(LANDING, State.REVERTING, revert_kind="test"),
                *(at(replace(OTHER, id=n), State.REVERTED, since=9e5 + n, revert_kind="test") for n in range(2, 9)),
            ),
        )
    ],
    "S15": [
        (view(gate=replace(GATE, mode=Mode.CLOSED)), view()),
        (view(gate=replace(GATE, mode=Mode.HALTED)), view()),
        (view(gate=replace(GATE, mode=Mode.CLOSED)), view(gate=replace(GATE, mode=Mode.HALTED))),
    ],
    "L2": [(QUEUED, view(at(LANDING, State.LIVE), slots=HELD)), (QUEUED, view(LANDING, slots=HELD))],
    "L4": [(view(LANDING, at(OTHER, State.QUEUED, emergency="INC-1")), view(TESTING, OTHER, slots=HELD))],
}


@pytest.mark.parametrize(
    ("name", "before", "after"), [(name, *pair) for name, pairs in FORBIDDEN.items() for pair in pairs]
)
def test_a_commit_that_breaks_it_is_noticed(name: str, before: View, after: View) -> None:
    """Each of these pairs of rows is what the invariant forbids: a check that says nothing would be worth nothing."""
    world = World(Policy(), masters=1)
    world.now = 9e5 + 100
    world.repo.push("ann@x", {"a": ""})
    world.repo.push("bob@x", {"b": ""})
    assert EACH_COMMIT[name](world, before, after)


def test_what_has_ended_and_changes_all_the_same_is_noticed() -> None:
    """S11."""
    world = World(Policy(), masters=1)
    (key, intent), *_ = ((key, one) for key, one in world.view.intents.items() if one.state == "done")
    after = replace(world.view, intents={**world.view.intents, key: replace(intent, result={"tip": "zzz"})})
    assert EACH_COMMIT["S11"](world, world.view, after)


def test_a_trunk_that_lost_what_was_seen_is_noticed() -> None:
    """S7, S9 and S13, and at rest C1, C2 and L1: worlds that were doctored behind the gate's back."""
    world = World(Policy(), masters=1)
    first = world.repo.push("ann@x", {"a": ""})
    world.settle()
    assert not [name for name, check in {**ANYTIME, **AT_REST}.items() if check(world)]
    world.repo.trunk = "root"
    assert ANYTIME["S9"](world)
    world.repo.trunk = first.sha
    stranger = world.repo.write("r", first.sha, world.repo.tree("root"), frozenset(), takes_back=frozenset({first.sha}))
    world.repo.trunk = stranger.sha
    assert ANYTIME["S13"](world)
    again = world.repo.write(
        "r", stranger.sha, world.repo.tree("root"), frozenset(), takes_back=frozenset({first.sha, stranger.sha})
    )
    world.repo.trunk = again.sha
    assert ANYTIME["S7"](world)
    seen: Any = SimpleNamespace(
        view=replace(world.view, gate=replace(world.view.gate, trunk=again.sha)),
        repo=world.repo,
        rewritten=False,
        policy=world.policy,
        production="root",
        notices=[],
        rounds=world.patience,
        patience=world.patience,
    )
    assert AT_REST["C1"](seen)
    assert AT_REST["C2"](seen)
    assert AT_REST["L3"](seen)
    stuck = {1: at(LANDING, State.REVERTING)}
    seen.view = replace(seen.view, landings=stuck)
    assert AT_REST["L1"](seen)
    assert AT_REST["L5"](seen)
