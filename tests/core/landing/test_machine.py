# SPDX-License-Identifier: GPL-2.0-only
"""The gate under everything at once. BUILDBOT_CD_MACHINE=20000 searches for about an hour instead of half a minute."""

from __future__ import annotations

import os
from datetime import UTC
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.python import log

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.moves import HELD, Policy
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.values import TERMINAL, Mode, State
from buildbot_cd.core.landing.windows import Window
from buildbot_cd.testing.simulation.history import ANYTIME
from buildbot_cd.testing.simulation.rest import AT_REST
from buildbot_cd.testing.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.core.landing.values import Landing

EXAMPLES = int(os.environ.get("BUILDBOT_CD_MACHINE", "60"))

ENGINEERS = st.sampled_from(["ann@x", "ann2@x", "bob@x", "cid@x"])
PATHS = st.sets(st.sampled_from("abcdef"), min_size=1, max_size=2)
KINDS = st.sampled_from(["good", "good", "good", "broken", "broken", "harmful", "leaky", "needy"])
PICK = st.integers(0, 9)

logged: list[str] = []


def collect(event: dict[str, Any]) -> None:
    """Keep what the engine logs as an error: nothing in here may surprise it."""
    if event.get("isError"):
        logged.append(str(event.get("failure") or event))


class GateMachine(RuleBasedStateMachine):
    """See the module."""

    @initialize(
        deploys=st.sampled_from([True, True, True, False]),
        checks=st.sampled_from([True, True, True, False]),
        preempt=st.booleans(),
        night=st.booleans(),
        settle=st.sampled_from([0.0, 600.0, 600.0]),
        cascade=st.sampled_from([50, 50, 2]),
        together=st.sampled_from([1, 1, 3]),
        followers=st.booleans(),
        caps=st.sampled_from([(1, 2, 1), (3, 6, 2), (50, 50, 50), (4, 10, 1)]),
    )
    def begin(
        self,
        deploys: bool,
        checks: bool,
        preempt: bool,
        night: bool,
        settle: float,
        cascade: int,
        together: int,
        followers: bool,
        caps: tuple[int, int, int],
    ) -> None:
        """A gate with one commit on trunk and two masters."""
        logged.clear()
        log.addObserver(collect)
        self.world = World(
            Policy(
                reverts_per_hour=caps[0],
                reverts_per_day=caps[1],
                reverts_per_engineer=caps[2],
                deploys=deploys,
                checks=checks,
                preempt=preempt,
                settle=settle,
                together=together,
                followers=followers,
                windows=(Window(frozenset(range(7)), 22 * 60, 6 * 60, UTC),) if night else (),
                people=People({"ann@x": "ann", "ann2@x": "ann"}, frozenset({"bot@web"}), frozenset({"ann", "bob@x"})),
            ),
            cascade=cascade,
        )

    # -- engineers

    @rule(engineer=ENGINEERS, paths=PATHS, kind=KINDS, tell=st.booleans())
    def push(self, engineer: str, paths: set[str], kind: str, tell: bool) -> None:
        """An engineer pushes; the hook may or may not tell."""
        commit = self.world.repo.push(engineer, dict.fromkeys(sorted(paths), ""))
        truth = self.world.truth
        marks = {"broken": truth.broken.add, "harmful": truth.harmful.add, "leaky": truth.leaky.add}
        marks.get(kind, id)(commit.sha)
        if kind == "needy":
            self.world.truth.needs[commit.sha] = "abcdef"[len(self.world.repo.commits) % 6]
        if tell:
            self.world.look()

    @rule(engineer=ENGINEERS, path=st.sampled_from("abcd"))
    def undo_by_hand(self, engineer: str, path: str) -> None:
        """An engineer takes a path back to what it was before the last commit."""
        parent = self.world.repo[self.world.repo.trunk].parent
        if parent is not None:
            self.world.repo.push(engineer, {path: self.world.repo.tree(parent).get(path)})

    @rule(engineer=ENGINEERS, first=st.booleans(), why=st.sampled_from(["INC-1", ""]))
    def push_with_a_hook(self, engineer: str, first: bool, why: str) -> None:
        """The hook tells who pushed, before or after a look; ann and bob may use the fast lane."""
        base = self.world.repo.trunk
        self.world.repo.push(engineer, {"b": ""})
        head = self.world.repo.push("cid@x", {"c": ""})
        if not first:
            self.world.look()
            self.world.settle_looks()
        self.world.hook(Push(base, head.sha, engineer, {"cd.emergency": why}))

    @rule(engineer=ENGINEERS, which=PICK, retry=st.sampled_from(["", "", "mended the runner"]))
    def push_again(self, engineer: str, which: int, retry: str) -> None:
        """An engineer brings back what was taken back, with the same content or a retry's reason."""
        gone = [one for one in self.world.view.landings.values() if one.state is State.REVERTED]
        if gone:
            self.world.push_again(engineer, gone[which % len(gone)], retry)

    @rule(engineer=ENGINEERS, which=PICK)
    def forge_a_revert(self, engineer: str, which: int) -> None:
        """An engineer writes the trailer of a revert of the gate."""
        keys = [key for key in self.world.view.intents if "/revert/" in key] or ["trunk/1/revert/1.0"]
        self.world.repo.push(engineer, {"a": ""}, entry=keys[which % len(keys)])

    # -- masters and workers

    @rule(which=st.integers(0, 1), stops=st.integers(1, 12))
    def reconcile(self, which: int, stops: int) -> None:
        """A master goes on for some transactions."""
        self.world.masters[which].forward(stops)

    @rule(which=st.integers(0, 1))
    def reconcile_a_whole_round(self, which: int) -> None:
        """A master does all that it can do now."""
        while not self.world.masters[which].forward(1):
            pass

    @rule(times=st.integers(1, 3))
    def everybody_works(self, times: int) -> None:
        """A quiet while: masters and workers do what they have."""
        for _ in range(times):
            self.world.settle_builds()

    @rule(kind=KINDS, engineer=ENGINEERS, path=st.sampled_from("abcdef"))
    def push_and_work(self, kind: str, engineer: str, path: str) -> None:
        """An engineer pushes, and the gate takes it in."""
        self.push(engineer, {path}, kind, tell=True)
        self.world.settle_builds()
        self.reconcile_a_whole_round(0)

    @rule(which=st.integers(0, 1))
    def kill_master(self, which: int) -> None:
        """A kill -9 between two transactions, or between a transaction and what it ordered."""
        self.world.masters[which].kill()

    @rule(which=PICK, parts=st.integers(1, 4), fault=st.sampled_from(["", "", "", "", "refused"]))
    def work(self, which: int, parts: int, fault: str) -> None:
        """A build does some of: read the order, act, report, end."""
        running = self.world.running
        if running:
            build = running[which % len(running)]
            for _ in range(parts):
                if not build.complete:
                    self.world.work(build, fault)

    @rule(which=PICK, again=st.booleans())
    def kill_worker(self, which: int, again: bool) -> None:
        """A worker is lost before, between or after acting and reporting."""
        running = self.world.running
        if running:
            self.world.die(running[which % len(running)], again=again)

    @rule(which=PICK, fault=st.sampled_from(["", "", "", "flaky", "infra"]))
    def check_ends(self, which: int, fault: str) -> None:
        """A check run ends, perhaps wrongly."""
        checking = self.world.checking
        if checking:
            self.world.check(checking[which % len(checking)], fault)

    @rule(which=PICK)
    def tell_again(self, which: int) -> None:
        """An answer comes once more, and differs."""
        done = [one for one in self.world.view.intents.values() if one.result is not None]
        if done:
            intent = done[which % len(done)]
            before = self.world.view
            assert not self.world.report(intent.key, {"verdict": "failed", "failing": ["x"], "ok": True, "sha": "zzz"})
            assert self.world.view == before, "S12: an answer that was told again changed something"

    @rule(test=st.sampled_from(["test_a", "test_b"]), well=st.booleans())
    def surroundings(self, test: str, well: bool) -> None:
        """A test fails on every tree, or is well again."""
        (self.world.truth.sick.discard if well else self.world.truth.sick.add)(test)

    @precondition(lambda self: len(self.world.repo.commits) > 4)
    @rule(which=PICK)
    def push_by_force(self, which: int) -> None:
        """A person rewrites trunk."""
        if which == 0:
            self.world.repo.trunk = str(self.world.repo[self.world.repo.trunk].parent or "root")
            self.world.rewritten = True

    # -- people and time

    @rule(seconds=st.sampled_from([1, 40, 700, 4000, 90_000, -5000]))
    def time_passes(self, seconds: float) -> None:
        """Time passes; the clock may also be set back."""
        self.world.now += seconds

    @rule(which=PICK, order=st.sampled_from(["withdraw", "hold", "release", "roll_back"]))
    def order_about_a_landing(self, which: int, order: str) -> None:
        """A person orders something about a landing."""
        landing = self.one_open(which)
        if landing is None:
            return
        world, ident = self.world, landing.id
        rules = {
            "withdraw": lambda now: control.withdraw(now, now.landing(ident), "ann", world.policy, world.now),
            "hold": lambda now: control.hold(now.landing(ident), "ann", "wait for the shop"),
            "release": lambda now: control.release(now.landing(ident), "ann"),
            "roll_back": lambda now: control.roll_back(now, now.landing(ident), "ann", "customers call", world.now),
        }
        world.order(rules[order])

    @rule(
        mode=st.sampled_from([Mode.CLOSED, Mode.CLOSED, Mode.DRAIN, Mode.HALTED]),
        lasts=st.sampled_from([None, 500, 5000]),
        priority=st.sampled_from([0, 1000]),
    )
    def freeze(self, mode: Mode, lasts: float | None, priority: int) -> None:
        """A person freezes, drains or halts the gate."""
        until = None if lasts is None else self.world.now + lasts
        self.world.order(lambda now: control.set_mode(now, mode, "ops", "the shop is on air", until, priority))

    @rule()
    def resume(self) -> None:
        """A person resumes the gate."""
        self.world.order(lambda now: control.resume(now, "ops", "looked at it", self.world.now))

    @rule()
    def adopt(self) -> None:
        """A person takes a rewritten trunk as it stands; refused where there is nothing to adopt."""
        rewritten = self.world.rewritten
        assert self.world.adopt() or rewritten, "a trunk was adopted that nobody had rewritten"

    def one_open(self, which: int) -> Landing | None:
        """Any landing that has not ended."""
        found = [one for one in self.world.view.landings.values() if one.state not in TERMINAL]
        return found[which % len(found)] if found else None

    # -- what must hold

    @invariant()
    def holds(self) -> None:
        """Every invariant holds, and nothing went wrong behind the scenes."""
        if not hasattr(self, "world"):
            return
        assert not self.world.witness.broken, self.world.witness.broken
        assert not logged, logged[0]
        for name, check in ANYTIME.items():
            found = check(self.world)
            assert not found, f"{name}: {found}"

    def teardown(self) -> None:
        """Everything comes to rest in the end."""
        if not hasattr(self, "world"):
            return
        try:
            self.at_rest()
        finally:
            log.removeObserver(collect)

    def at_rest(self) -> None:
        """With all healed and every halt resumed, C1-C2 and L1-L5 hold."""
        world = self.world
        world.order(release_all)
        world.cascade = 50  # people push by hand what was too much for the gate
        for _ in range(60):
            world.mend_what_slipped_through()
            world.settle()
            world.rewritten &= world.lost  # what nobody had seen is no loss
            self.holds()
            for name, check in AT_REST.items():
                found = check(world)
                assert not found, f"{name}: {found}"
            if world.view.gate.mode is Mode.OPEN and not world.rewritten:
                return
            if not world.rewritten or world.adopt():
                self.resume()
        raise AssertionError(f"L1: no way out: {world.view.gate.mode_reason}")


def release_all(now: Any) -> Any:
    """Let every landing that a person holds go on."""
    from dataclasses import replace

    from buildbot_cd.core.landing.moves import Move

    held = tuple(replace(one, not_before=None) for one in now.landings if one.not_before == HELD)
    return Move("released", "ops", held) if held else None


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
        settle=chance.choice([0.0, 600.0, 600.0]),
        cascade=chance.choice([50, 50, 2]),
        together=chance.choice([1, 1, 3]),
        followers=chance.random() < 0.5,
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
    kind = chance.choice(["good"] * 5 + ["broken", "broken", "harmful", "leaky", "needy"])
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
        (machine.adopt, 1),
        (lambda: len(machine.world.repo.commits) > 4 and machine.push_by_force(which), 1),
    ]
