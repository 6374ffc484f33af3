# SPDX-License-Identifier: GPL-2.0-only
"""The records of rollouts: none stays open behind its successor, and each host's way back is its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from buildbot_cd.config import parse_master
from buildbot_cd.core.landing.values import EffectKind, Gate, Intent, Landing
from buildbot_cd.engine.releases import Releases
from buildbot_cd.engine.rollouts import Rollouts
from buildbot_cd.store.memory import MemoryStore
from buildbot_cd.store.rows import Rollout, RolloutState

CONFIG = """\
trunk: {repository: /srv/shop.git}
release: {worker: deploy, path: dist}
fleet: {transport: local, root: "/srv/{name}", hosts: [web-1, web-2, web-3]}
rollout: [{stage: canary, hosts: 1}, {stage: fleet, hosts: all}]
"""


class Quiet:
    """Nobody listens."""

    def __getattr__(self, _name: str) -> Any:
        async def heard(*_: object) -> None:
            return None

        return lambda *_: heard() if _name == "settled" else None


class Company:
    """A gate whose landings are rolled out by hand."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.transact_now(lambda tx: tx.gates.create(Gate("trunk")))
        self.rollouts = Rollouts(self.store, parse_master(CONFIG, "cd.yaml"), Path(), cast("Any", Quiet()))
        self.releases = Releases(self.store)

    def landing(self, number: int, candidate: str) -> Landing:
        """A landing with its candidate."""
        return Landing(number, "trunk", "base", f"head-{number}", "ann", "A change", candidate=candidate)

    def open(self, landing: Landing, key: str, over: tuple[int, ...] = ()) -> Rollout:
        """What the step of this effect works on."""
        kind = EffectKind.ROLLBACK if over else EffectKind.ROLLOUT
        intent = Intent(key, "trunk", landing.id, kind, {"over": list(over)}, 0, 0.0)
        return run(self.rollouts.open(intent, landing, 10.0))

    def switch(self, rollout: Rollout, *hosts: str, before: str) -> None:
        """These hosts have carried ``before`` and are to carry the rollout's release."""
        rows = run(self.rollouts.hosts(rollout))
        run(self.rollouts.note(rollout, [replace(rows[h], desired=rollout.release, previous=before) for h in hosts]))


def run(work: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Company:
    """The inventory is read without a thread."""

    async def at_once(call: Any, *arguments: Any) -> Any:
        return call(*arguments)

    monkeypatch.setattr("buildbot_cd.engine.rollouts.threads.deferToThread", at_once)
    return Company()


def state(company: Company, rollout: Rollout) -> RolloutState:
    """The state on record."""
    found = run(company.rollouts.of_key(rollout.key))
    assert found is not None
    return RolloutState(found.state)


def test_a_new_try_closes_the_one_that_its_build_left_open(company: Company) -> None:
    """A worker that was lost leaves a row behind; the next try takes its place and knows where hosts go back."""
    first = company.open(company.landing(1, "c1"), "rollout/1.0")
    company.switch(first, "web-1", before="r-old")
    second = company.open(company.landing(1, "c1"), "rollout/1.1")
    assert (state(company, first), state(company, second)) == (RolloutState.FAILED, RolloutState.STAGING)
    assert run(company.rollouts.hosts(second))["web-1"].previous == "r-old"


def test_a_rollback_over_a_newer_landing_closes_that_one_s_too(company: Company) -> None:
    """Nothing of either is on its way any more."""
    older = company.open(company.landing(1, "c1"), "1/rollout")
    newer = company.open(company.landing(2, "c2"), "2/rollout")
    company.open(company.landing(1, "c1"), "1/rollback", over=(2,))
    assert [state(company, one) for one in (older, newer)] == [RolloutState.FAILED] * 2


def test_a_landing_that_was_tested_anew_forgets_what_hosts_carried_under_its_first_release(company: Company) -> None:
    """Its second release rests on another one: what lay beneath the first may be the very release that was bad."""
    first = company.open(company.landing(2, "c2-on-c1"), "2/rollout/1.0")
    company.switch(first, "web-1", before="r1-c1")
    again = company.open(company.landing(2, "c2-on-c0"), "2/rollout/2.0")
    assert run(company.rollouts.hosts(again))["web-1"].previous is None


def test_who_only_asks_for_a_rollout_does_not_open_it_again(company: Company) -> None:
    """Between its end and the gate's hearing of it, staging for the next landing asks: it stays ended."""
    first = company.open(company.landing(1, "c1"), "rollout")
    run(company.rollouts.move(first, state=RolloutState.DONE, ended_at=11.0))
    assert company.open(company.landing(1, "c1"), "rollout").state is RolloutState.DONE


def test_hosts_that_a_newer_rollout_takes_further_leave_the_older_one_s_watch(company: Company) -> None:
    """They leave with the intention to switch them, and come back when they are to go back."""
    older = company.open(company.landing(1, "c1"), "1/rollout")
    company.switch(older, "web-1", "web-2", "web-3", before="r-old")
    assert run(company.releases.carriers(older)) == {"web-1", "web-2", "web-3"}
    newer = company.open(company.landing(2, "c2"), "2/rollout")
    company.switch(newer, "web-2", before=older.release)
    assert run(company.releases.carriers(older)) == {"web-1", "web-3"}
    back = company.open(company.landing(2, "c2"), "2/rollback")
    rows = run(company.rollouts.hosts(back))
    run(company.rollouts.note(back, [replace(rows["web-2"], desired=older.release)]))
    assert run(company.releases.carriers(older)) == {"web-1", "web-2", "web-3"}
