# SPDX-License-Identifier: GPL-2.0-only
"""Who may push to trunk, by the gate's own rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from buildbot_cd.core.landing.block import Block, free_for_all, ruling
from buildbot_cd.core.landing.moves import Policy, under
from buildbot_cd.core.landing.spans import Usual
from buildbot_cd.core.landing.values import Freeze, Gate, Landing, Mode, Slot, Snapshot, State

USUAL = Usual((600.0,) * 9, (300.0,) * 9, (30.0,) * 9)
BLOCKED = Policy(blocked=True)
GATE = Gate("trunk", trunk="t", tested="t", live="t")


def landing(ident: int, engineer: str, state: State = State.QUEUED, **more: Any) -> Landing:
    """A landing that came into its state at 1000."""
    return Landing(ident, "trunk", "b", f"h{ident}", engineer, "s", state, since=1000.0, queued_at=1000.0, **more)


def gate(*landings: Landing, mode: Gate = GATE) -> Snapshot:
    """The first landing that is inside holds the test slot."""
    inside = [one.id for one in landings if one.state is not State.QUEUED]
    return Snapshot(mode, {Slot.TEST: inside[0]} if inside else {}, landings, {})


def ask(snapshot: Snapshot, who: str, policy: Policy = BLOCKED) -> Any:
    """The ruling on a push at 1300."""
    held = {slot: (ident, 1000.0) for slot, ident in snapshot.slots.items()}
    return ruling(snapshot, who, held, USUAL, policy, 1300.0)


ANN = landing(1, "ann@x", State.TESTING)
REVERTING = landing(1, "ann@x", State.REVERTING)
HALTED = landing(1, "ann@x", State.HALTED)
HALF = landing(1, "ann@x", revert_kind="dependent")


@pytest.mark.parametrize(
    ("snapshot", "who", "block"),
    [
        (gate(), "bob@x", Block.NONE),
        (gate(ANN), "bob@x", Block.HELD),
        (gate(ANN), "ann@x", Block.NONE),
        (gate(ANN), "ANN", Block.NONE),
        (gate(ANN), "ann@y", Block.HELD),
        (gate(REVERTING), "ann@x", Block.TAKEN_BACK),
        (gate(HALTED), "ann@x", Block.TAKEN_BACK),
        (gate(HALF), "ann@x", Block.TAKEN_BACK),
        (gate(landing(1, "ann@x")), "bob@x", Block.QUEUED),
        (gate(landing(1, "ann@x")), "ann@x", Block.NONE),
        (gate(landing(1, "ann@x"), landing(2, "bob@x")), "bob@x", Block.QUEUED),
    ],
)
def test_a_blocked_trunk_takes_the_holders_pushes_only(snapshot: Snapshot, who: str, block: Block) -> None:
    """Nobody else lands behind a change under test, and nobody at all behind one that is being taken back."""
    assert ask(snapshot, who).block is block


@pytest.mark.parametrize("mode", [Mode.CLOSED, Mode.DRAIN, Mode.HALTED])
@pytest.mark.parametrize("policy", [BLOCKED, Policy()], ids=["blocked", "queued"])
def test_a_freeze_refuses_pushes_in_both_modes_and_says_why(mode: Mode, policy: Policy) -> None:
    """Who froze it and why are in the sentence, also for the holder of the slot."""
    found = ask(gate(ANN, mode=under(GATE, Freeze(mode, "the shop is on air", "ruth"))), "ann@x", policy)
    assert found.block is Block.FROZEN
    assert found.sentence == f"the gate is {mode} by ruth: the shop is on air"


@pytest.mark.parametrize("snapshot", [gate(ANN), gate(REVERTING), gate(HALTED), gate(landing(1, "ann@x"))])
def test_a_queued_trunk_takes_every_push(snapshot: Snapshot) -> None:
    """There the queue orders what comes."""
    assert ask(snapshot, "bob@x", Policy()).may


def test_shadow_blocks_nothing() -> None:
    """A team that only watches is not held up."""
    assert ask(gate(ANN), "bob@x", replace(BLOCKED, shadow=True)).may


def test_the_place_and_the_turn_are_those_that_the_push_would_have() -> None:
    """One in test since 300 s of 600, one waiting: third, after 300 + max(600, 300) s; the deploy slot counts too."""
    found = ask(gate(ANN, landing(2, "cid@x")), "bob@x")
    assert (found.position, found.landing) == (2, ANN)
    assert found.turn == (1300.0 + 300 + 600, 1300.0 + 300 + 600)


def test_nobody_knows_when_a_halt_ends() -> None:
    """A person ends it, so no time is claimed; a freeze has its own end."""
    assert ask(gate(mode=under(GATE, Freeze(Mode.HALTED, "x", "gate"))), "bob@x").turn is None
    assert ask(gate(mode=under(GATE, Freeze(Mode.CLOSED, "x", "ruth", 5000.0))), "bob@x").turn == (5000.0, 5000.0)


@pytest.mark.parametrize(
    ("snapshot", "blocked", "queued"),
    [
        (gate(), True, True),
        (gate(ANN), False, True),
        (gate(landing(1, "ann@x")), False, True),
        (gate(REVERTING), False, False),
        (gate(HALF), False, False),
        (gate(mode=under(GATE, Freeze(Mode.DRAIN, "x", "ruth"))), False, False),
    ],
)
def test_safe_to_push_means_safe_for_anybody(snapshot: Snapshot, blocked: bool, queued: bool) -> None:
    """On a blocked trunk that includes a free test slot."""
    assert (free_for_all(snapshot, BLOCKED), free_for_all(snapshot, Policy())) == (blocked, queued)
