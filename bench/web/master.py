# SPDX-License-Identifier: GPL-2.0-only
"""A real master with a long past and a large fleet, whose hosts switch when a file tells them to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.core.landing.values import Gate, Mode, State
from buildbot_cd.store import EngineStore, upgrade
from buildbot_cd.store.rows import HostRow, RolloutState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from buildbot_cd.store import Tx

HOSTS = 800
FLEET = [{"name": f"web-{n:03}", "address": f"127.1.{n // 250}.{n % 250 + 1}", "role": "web"} for n in range(HOSTS)]
ROLLOUT = 1
WAITING = 20
"""Landings in the queue; all others have ended."""

PLAY = """
import json, os
from buildbot.util.service import BuildbotService
from buildbot_cd.engine.lookup import engine_of
from dataclasses import replace
from twisted.internet import defer, task

SECONDS, STEPS = 20.0, 200


class Play(BuildbotService):
    name = "bench-play"

    def startService(self):
        self.timer = task.LoopingCall(self.look)
        self.timer.start(0.1)
        return super().startService()

    def stopService(self):
        self.timer.stop()
        return super().stopService()

    def look(self):
        if os.path.exists("go"):
            os.unlink("go")
            return defer.ensureDeferred(self.play())

    async def play(self):
        engine, now = engine_of(self.master), self.master.reactor.seconds
        rollout = await engine.store.read(lambda tx: tx.rollouts.get(1))
        rows = list((await engine.rollouts.hosts(rollout)).values())
        old = [replace(one, observed="r0", phase="pending", desired="r0") for one in rows]
        await engine.rollouts.note(rollout, old)
        await task.deferLater(self.master.reactor, 1.0)
        heard, size = [], len(rows) // STEPS
        for step in range(STEPS):
            for row in old[step * size:(step + 1) * size]:
                fresh = replace(row, desired=rollout.release, observed=rollout.release, phase="healthy", at=now())
                engine.rollouts.heard(rollout, fresh)
                heard.append(now())
            await task.deferLater(self.master.reactor, SECONDS / STEPS)
        await engine.events.settled()
        with open("heard.new", "w") as file:
            json.dump(heard, file)
        os.rename("heard.new", "heard.json")


c["services"] = [*c.get("services", []), Play()]
"""
"""The end of master.cfg: hosts are heard of as a fan-out program's events are, by the engine's own door."""


@contextmanager
def made(folder: Path, landings: int) -> Iterator[Site]:
    """The master, running."""
    site = Site(folder / "site", workers=("git-1", "deploy-1", "test-1"))
    config: dict[str, Any] = {
        "trunk": {"repository": str(folder / "none.git"), "branch": "main", "poll": "1h"},
        "git": {"worker": "git-1", "author": "Deploy <deploy@shop.example>"},
        "gate": {},
        "checks": [{"tests": {"runner": "pytest", "workers": ["test-1"]}}],
        "release": {"worker": "deploy-1", "path": "dist/"},
        "fleet": {"transport": "local", "hosts": FLEET, "root": str(folder / "fleet" / "{name}")},
        "rollout": [{"stage": "canary", "hosts": 35}, {"stage": "fleet", "hosts": "all"}],
    }
    site.prepare(config, {}, PLAY)
    engine = sa.create_engine(f"sqlite:///{site.master}/state.sqlite", poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)
    EngineStore(engine).transact_now(lambda tx: fill(tx, landings))
    try:
        site.start_master()
        yield site
    finally:
        site.stop()


def fill(tx: Tx, landings: int) -> None:
    """A frozen gate with its past, its queue, and a rollout under way."""
    gate = tx.gates.create(Gate("trunk", trunk="t" * 40, tested="t" * 40, live="t" * 40))
    tx.gates.update(replace(gate, mode=Mode.CLOSED, mode_reason="the benchmark runs", mode_by="bench"))
    for number in range(landings):
        head, at = f"{number:040x}", 1.7e9 + 300.0 * number
        one = tx.landings.add("trunk", "b" * 40, head, f"e{number % 50}@shop.example", f"Change {number}", "m", at)
        if number >= landings - WAITING:
            continue
        for delay, state in ((20.0, State.TESTING), (150.0, State.DEPLOYING), (400.0, State.LIVE)):
            moved = replace(one, state=state, since=at + delay, candidate=head)
            one = tx.landings.update(moved, "gate", "so it goes", at + delay)
    plan = {
        "hosts": FLEET,
        "stages": [
            {"name": "canary", "hosts": [f"web-{n:03}" for n in range(35)], "watch": 0.0, "budget": 1},
            {"name": "fleet", "hosts": [f"web-{n:03}" for n in range(35, HOSTS)], "watch": 0.0, "budget": 8},
        ],
    }
    rollout = tx.rollouts.create("bench", "trunk", 1, "r1", "c" * 40, 1, plan, 1.7e9)
    tx.rollouts.update(replace(rollout, state=RolloutState.SWITCHING, stage="fleet"))
    rows = [
        HostRow(rollout.id, f"web-{n:03}", "web", "canary" if n < 35 else "fleet", "r0", "r0", "r0", "pending", "", 1.0)
        for n in range(HOSTS)
    ]
    tx.rollouts.put_hosts(rollout.id, rows)
