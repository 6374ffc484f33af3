# SPDX-License-Identifier: GPL-2.0-only
"""The engine as a service of the master: it wakes on events and on a timer, and reconciles until nothing is left.

Any number of masters may run it on one database: each step is a compare-and-set, so the slower one just looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.util.service import BuildbotService
from twisted.internet import defer, task

from buildbot_cd.core.landing.values import EffectKind, IntentState
from buildbot_cd.engine.apply import answer, ask_look, ensure_gate, order, pushed, step
from buildbot_cd.engine.backstop import Backstop
from buildbot_cd.engine.builds import Builds
from buildbot_cd.engine.checks import Checks
from buildbot_cd.engine.events import Events
from buildbot_cd.engine.logs import logged
from buildbot_cd.engine.notices import Notices
from buildbot_cd.engine.peers import BEAT, Peers
from buildbot_cd.engine.perform import CALM, Performer, Trunk
from buildbot_cd.engine.releases import Releases
from buildbot_cd.engine.rollouts import Rollouts
from buildbot_cd.engine.settings import backstop_of, plan_of, policy_of
from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.engine.views import Memory
from buildbot_cd.errors import ControlRefused, StaleVersion
from buildbot_cd.store.errors import SlotTaken
from buildbot_cd.store.sql import SqlStore, endure, keep_open
from buildbot_cd.store.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.core.landing.moves import Move
    from buildbot_cd.core.landing.people import Push
    from buildbot_cd.core.landing.values import Gate, Intent, Landing, Snapshot
    from buildbot_cd.engine.apply import Applied
    from buildbot_cd.store.interface import Store, Tx

TICK = 5.0
"""Seconds between looks without an event: what an event did not tell is found then."""

NAME = "cd-engine"


class Engine(BuildbotService):
    """The engine of the gate that ``config`` describes; ``folder`` is cd.yaml's, where its commands run."""

    name: str | None = NAME
    compare_attrs: ClassVar[Sequence[str]] = ("config", "folder")

    ready = False
    """Whether the store may be asked: the tables are there, and the service has not been stopped."""
    store: Store
    events: Events
    tests: TestRuns
    rollouts: Rollouts
    releases: Releases
    backstop: Backstop

    def checkConfig(self, config: MasterConfig, folder: Path) -> None:
        """Buildbot's check of the configuration; cd.yaml was checked when it was read."""

    def reconfigService(self, config: MasterConfig, folder: Path) -> defer.Deferred[None]:  # type: ignore[override]
        """Buildbot's start and change of the configuration."""
        self.config, self.folder = config, folder
        self.gate = config.gate.name if config.gate is not None else ""
        if self.running:
            self._assemble()
        if self.ready:
            self._begin_timers()
        return defer.succeed(None)

    # -- life

    def startService(self) -> defer.Deferred[None]:  # noqa: D102 - Buildbot's own
        return defer.ensureDeferred(self._start())

    async def _start(self) -> None:
        await defer.maybeDeferred(super().startService)
        self._complete: set[int] = set()
        self._waiters: list[defer.Deferred[None]] = []
        self._awake = False
        self._full = True
        self._working: defer.Deferred[None] | None = None
        endure(self.master.db.pool.engine)
        await self.master.db.pool.do(upgrade)
        self._kept_open = await self.master.db.pool.do_with_engine(keep_open)
        self.store = SqlStore(self.master.db.pool)
        self.events, self.memory = Events(self.master, self.store), Memory()
        self.notices = Notices(self.master, self.store, self._answered)
        await self.store.transact(ensure_gate(self.gate))
        self._assemble()
        self.ready = True
        self._consumer = await self.master.mq.startConsuming(self._buildset_complete, ("buildsets", None, "complete"))
        self.peers = Peers(self.master)
        self._timers: list[Any] = []
        self._begin_timers()

    def stopService(self) -> defer.Deferred[None]:  # noqa: D102 - Buildbot's own
        return defer.ensureDeferred(self._stop())

    async def _stop(self) -> None:
        self.ready = False
        self._stop_timers()
        self._consumer.stopConsuming()
        self._awake = False
        if self._working is not None:
            await self._working
        await self.notices.finish()
        await self.peers.stop()
        self._release_waiters()
        await self.events.close()
        if self._kept_open is not None:
            self._kept_open.close()
        await defer.maybeDeferred(super().stopService)

    def _begin_timers(self) -> None:
        """Begin them anew, at the pace of the configuration: so a reconfig looks at trunk at once."""
        self._stop_timers()
        regular = ((self._tick, TICK), (self._look_regularly, self.config.trunk.poll), (self._beat, BEAT))
        self._timers = [task.LoopingCall(call) for call, _ in regular]
        for timer, (_, seconds) in zip(self._timers, regular, strict=True):
            timer.clock = self.master.reactor
            timer.start(seconds, now=True).addErrback(logged("buildbot_cd: a timer stopped"))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            if timer.running:
                timer.stop()

    def _assemble(self) -> None:
        self.policy, plan = policy_of(self.config), plan_of(self.config)
        trunk = Trunk(self.config.trunk.repository, self.config.trunk.branch)
        self.builds = Builds(self.master)
        checks = Checks(self.store, plan, self._answered)
        pool, progress = lambda: len(plan.pool), self.events.run_changed
        self.tests = TestRuns(self.store, self.gate, pool, self.now, self._run_changed, self.pause, progress)
        told = (self.events.escape_changed, self.events.incident_changed)
        self.backstop = Backstop(self.store, self.gate, backstop_of(self.config), self.now, *told)
        self.rollouts = Rollouts(self.store, self.config, self.folder, self.events)
        self.releases = Releases(self.store)
        self._performer = Performer(self.store, self.builds, checks, trunk, self._notify, self._answered)

    def now(self) -> float:
        """The master's clock, in seconds since the epoch."""
        return float(self.master.reactor.seconds())

    # -- waking

    def _tick(self) -> None:
        self._full = True
        self.wake()

    def _look_regularly(self) -> defer.Deferred[Any]:
        return self.look("regular look", news=False)

    def _beat(self) -> defer.Deferred[None]:
        """A sign of life; whoever was taken over from had effects in the air, which are looked for at once."""

        async def beat() -> None:
            if await self.peers.beat(self.now()):
                self._tick()

        return defer.ensureDeferred(beat()).addErrback(logged("buildbot_cd: the other masters could not be looked for"))

    def _buildset_complete(self, _key: Any, message: Mapping[str, Any]) -> None:
        self._complete.add(int(message["bsid"]))
        self.wake()

    def look(self, why: str, push: Push | None = None, *, news: bool = True) -> defer.Deferred[Any]:
        """Ask for a look at trunk; a change event calls this, with the push if a hook told of it, and a timer."""

        async def ask() -> None:
            if push is not None:
                await self.store.transact(pushed(self.gate, push, self.now(), self.policy.people))
            if await self.store.transact(ask_look(self.gate, self.now(), why, news=news)):
                self.wake()

        return defer.ensureDeferred(ask()).addErrback(logged("buildbot_cd: trunk could not be asked for"))

    def wake(self) -> None:
        """Reconcile soon. Safe to call at any time, any number of times."""
        self._awake = True
        if self._working is None and self.running:
            self._working = defer.ensureDeferred(self._work())
            self._working.addErrback(logged("buildbot_cd: the reconciler stumbled; it goes on at the next event"))
            self._working.addBoth(self._rest)

    def _rest(self, _result: object) -> None:
        self._working = None

    async def _work(self) -> None:
        while self._awake and self.running:
            self._awake = False
            complete, self._complete = frozenset(self._complete), set()
            full, self._full = self._full, False
            await self._decide()
            if await self._performer.perform(self.gate, self.now(), complete, full=full):
                self._awake = True
            if complete and await self.backstop.advance():
                self._awake = True
            self._release_waiters()

    async def _decide(self) -> None:
        while True:
            try:
                applied = await self.store.transact(step(self.gate, self.policy, self.now()))
            except (StaleVersion, SlotTaken):
                continue  # another master moved first: look again
            if applied is None:
                return
            await self._after(applied)

    async def _after(self, applied: Applied) -> None:
        self.events.moved(self.gate, applied)
        if any(effect.kind is EffectKind.MARK for _, effect in applied.move.effects):
            self.master.reactor.callLater(CALM, self.wake)
        for intent in applied.dropped:
            if intent.state is IntentState.STARTED and intent.ref is not None:
                await self.builds.cancel(int(intent.ref), applied.move.reason)

    def _run_changed(self, run: int) -> None:
        self.events.run_changed(run)
        self.wake()

    # -- what others call

    async def _answered(self, key: str, result: Mapping[str, Any]) -> bool:
        told = await self.store.transact(answer(self.gate, key, result, self.now(), self.policy.people))
        if told.applied is not None:
            await self._after(told.applied)
        if told.incident is not None:
            self.events.incident_changed(told.incident)
        return told.counted

    async def report(self, key: str, result: Mapping[str, Any]) -> bool:
        """A step's answer for the effect ``key``; False if it came too late and changes nothing."""
        counted = await self._answered(key, result)
        self.wake()
        return counted

    async def intent(self, key: str) -> Intent | None:
        """The effect that a build works for, or None if it is over: then the build must not act."""
        found = await self.store.transact(lambda tx: tx.outbox.get(key))
        return found if found is not None and found.state in (IntentState.PENDING, IntentState.STARTED) else None

    async def effect(self, key: str) -> Intent | None:
        """The effect with this key, in whatever state; None if there is none, or if it was dropped."""
        found = await self.store.transact(lambda tx: tx.outbox.get(key))
        return None if found is None or found.state is IntentState.DROPPED else found

    async def rows(self, intent: Intent) -> tuple[Gate, Landing | None]:
        """The gate, and the landing that the effect belongs to."""

        def read(tx: Tx) -> tuple[Gate, Landing | None]:
            gate = tx.gates.get(intent.gate)
            assert gate is not None
            return gate, None if intent.landing is None else tx.landings.get(intent.landing)

        return await self.store.transact(read)

    async def advance_backstop(self) -> None:
        """Let idle workers do something useful; a scheduler calls this every few seconds."""
        if await self.backstop.advance():
            self.wake()

    async def order(self, rule: Callable[[Snapshot], Move | None], check: Callable[[Tx], None] | None = None) -> None:
        """Carry out a person's order; raises ControlRefused with the reason if the rules do not allow it.

        ``check`` may look at more than the gate, in the same transaction, and refuse too.
        """
        for _ in range(10):
            try:
                applied = await self.store.transact(order(self.gate, rule, self.now(), check))
            except (StaleVersion, SlotTaken):
                continue
            if applied is not None:
                await self._after(applied)
            self.wake()
            return
        raise ControlRefused("the gate is moving too fast for this order: look again and repeat it")

    def pause(self, seconds: float) -> defer.Deferred[None]:
        """Fires at the next change of anything in the gate, or after so many seconds."""
        waiter: defer.Deferred[None] = defer.Deferred()
        self._waiters.append(waiter)
        timeout = self.master.reactor.callLater(seconds, self._wake_waiter, waiter)

        def done(result: None) -> None:
            if timeout.active():
                timeout.cancel()
            return result

        return waiter.addCallback(done)

    def _wake_waiter(self, waiter: defer.Deferred[None]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            waiter.callback(None)

    def _release_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)

    async def _notify(self, intent: Intent) -> bool:
        if intent.state is IntentState.PENDING:
            self.events.notice(intent)
        return await self.notices.deliver(intent, self.now())
