# SPDX-License-Identifier: GPL-2.0-only
"""Messages that are due, to those services of the master that want them: each once, and never in the gate's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from twisted.internet import defer
from twisted.python import log

from buildbot_cd.core.landing.message import compose
from buildbot_cd.core.landing.values import Intent, IntentState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Mapping

    from buildbot.master import BuildMaster

    from buildbot_cd.core.landing.message import Message
    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.store.interface import Store, Tx

TAKE_OVER = 120.0
"""Seconds after which a message whose master may have died is taken up by whoever sees it."""

AGAIN = 60.0
"""Seconds until a message that was not taken is offered again."""

GIVE_UP = 3600.0
"""Seconds after which a message that cannot be delivered is dropped, with a line in the log."""


@runtime_checkable
class Notifier(Protocol):
    """A service that takes messages: ``reporters.cd.LandingNotifier``, or one of your own in ``c['services']``.

    One that tells in several ways may have ``landing_channels()``, which names them: ``{"mail": send, ...}``, each with
    the arguments of ``landing_notice``. Then each way is tried, and recorded, by itself.
    """

    name: str

    def landing_notice(self, what: str, message: Message, landing: Landing | None) -> Awaitable[None]:
        """Deliver it; what it raises is logged, and it is asked again."""


Send = Callable[[str, "Message", "Landing | None"], "Awaitable[None]"]
"""One way to somebody: the kind of notice, the message, its landing."""


class Notices:
    """Delivers in the background; see the module. ``answered`` records the end of an effect, ``wake`` the gate."""

    def __init__(
        self, master: BuildMaster, store: Store, answered: Callable[[str, Mapping[str, Any]], Awaitable[bool]]
    ) -> None:
        self.master, self.store, self.answered = master, store, answered
        self.running: dict[str, defer.Deferred[None]] = {}
        self._not_before: dict[str, float] = {}

    async def deliver(self, intent: Intent, now: float) -> bool:
        """True if nobody wants it, so that it is done; otherwise its delivery goes on, and its end is recorded then."""
        notifiers = self.notifiers()
        if not notifiers:
            return True
        if intent.key in self.running or now < self._not_before.get(intent.key, 0.0):
            return False
        mine = intent.key in self._not_before
        if intent.state is IntentState.STARTED and not mine and now - (intent.started_at or 0) < TAKE_OVER:
            return False  # another master delivers it
        if intent.state is IntentState.STARTED or await self.store.transact(lambda tx: _claim(tx, intent.key, now)):
            work = defer.ensureDeferred(self._deliver(intent, notifiers))
            self.running[intent.key] = work
            work.addErrback(lambda failure: log.err(failure, f"buildbot_cd: {intent.key} is tried again later"))
            work.addBoth(self._ended, intent.key)
        return False

    def _ended(self, _result: object, key: str) -> None:
        # It gives back nothing: a Deferred that were its own result would never end, nor would whoever waits for it.
        self.running.pop(key, None)

    def notifiers(self) -> list[Notifier]:
        """The services of this master that take messages."""
        return [one for one in self.master.service_manager.namedServices.values() if isinstance(one, Notifier)]

    async def finish(self) -> None:
        """Wait for what is on its way."""
        await defer.DeferredList(list(self.running.values()))

    async def _deliver(self, intent: Intent, notifiers: list[Notifier]) -> None:
        landing = await self.store.transact(lambda tx: tx.landings.get(intent.landing) if intent.landing else None)
        what = str(intent.payload.get("what", "notice"))
        pages = str(self.master.config.buildbotURL)
        message = compose(intent.key, what, landing, intent.payload, intent.gate, pages)
        done = set((intent.ref or "").split("\n")) - {""}
        lost: list[str] = []
        for name, send in channels(notifiers):
            if name in done:
                continue
            try:
                await send(what, message, landing)
            except Exception:  # noqa: BLE001 - whatever a notifier raises, the others have their turn
                log.err(None, f"buildbot_cd: {name} could not deliver {intent.key}")
                lost.append(name)
                continue
            done.add(name)
            await self._reached(intent.key, done)
        now = self.master.reactor.seconds()
        if lost and now - intent.created_at <= GIVE_UP:
            self._not_before[intent.key] = now + AGAIN
            return
        self._not_before.pop(intent.key, None)
        await self.answered(intent.key, {"lost": lost} if lost else {})

    async def _reached(self, key: str, names: set[str]) -> None:
        """Record who has it, so that whoever goes on after a crash does not tell them again."""
        await self.store.transact(lambda tx: tx.outbox.set_ref(key, "\n".join(sorted(names))))


def channels(notifiers: Iterable[Notifier]) -> Iterator[tuple[str, Send]]:
    """Every way to tell, by the name under which its delivery is recorded."""
    for one in notifiers:
        own = getattr(one, "landing_channels", None)
        if own is None:
            yield one.name, one.landing_notice
        else:
            for name, send in own().items():
                yield f"{one.name}/{name}", send


def _claim(tx: Tx, key: str, now: float) -> bool:
    """True for the first master that takes it up."""
    intent = tx.outbox.get(key)
    return intent is not None and intent.state is IntentState.PENDING and tx.outbox.start(key, now, None)
