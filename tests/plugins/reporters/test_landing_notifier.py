# SPDX-License-Identifier: GPL-2.0-only
"""Messages to people: that each goes out once, over real connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from buildbot.config.errors import ConfigErrors, capture_config_errors
from twisted.internet import defer, reactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.internet.threads import blockingCallFromThread

from buildbot_cd.core.landing.message import compose
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, IntentState, Landing
from buildbot_cd.engine.notices import AGAIN, GIVE_UP, TAKE_OVER, Notices
from buildbot_cd.errors import CdError
from buildbot_cd.plugins.reporters.landing_notifier import LandingNotifier
from buildbot_cd.store.memory import MemoryStore
from buildbot_cd.testing.letterbox import chat_server, mail_server

LANDING = Landing(7, "trunk", "a" * 40, "b" * 40, "ada@example.org", "Round prices", reason="it failed twice")
PAGES = "http://127.0.0.1:8010/"


# -- over the wire


@pytest.fixture
def chat() -> Iterator[Any]:
    """A running webhook."""
    with chat_server() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[Any]:
    """A running mail server."""
    with mail_server() as made:
        yield made


def wait(work: defer.Deferred[Any], seconds: float = 20.0) -> Any:
    """The result of what runs in the reactor, which is turned by hand."""
    loop: Any = reactor
    found: list[Any] = []
    work.addBoth(found.append)
    limit = loop.seconds() + seconds
    while not found:
        assert loop.seconds() < limit, "no answer in time"
        loop.runUntilCurrent()
        loop.doIteration(0.02)
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]


def notifier(loop: Any = reactor, **settings: Any) -> LandingNotifier:
    """A notifier as Buildbot would configure it."""
    made = LandingNotifier(**settings)
    made.parent = SimpleNamespace(master=SimpleNamespace(config=SimpleNamespace(title="CD"), reactor=loop))
    wait(defer.maybeDeferred(made.reconfigService, **settings))
    return made


@pytest.fixture(scope="module")
def loop() -> Iterator[Any]:
    """A reactor that runs, in a thread."""
    made: Any = SelectReactor()
    thread = threading.Thread(target=made.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    yield made
    made.callFromThread(made.stop)
    thread.join(10)


def post(loop: Any, made: LandingNotifier, message: Any, landing: Landing = LANDING) -> None:
    """Have the notifier deliver a message, in the running reactor."""
    blockingCallFromThread(loop, lambda: defer.ensureDeferred(made.landing_notice("live", message, landing)))


def test_mail_goes_to_the_engineer_and_to_whom_else_is_named(mail: Any) -> None:
    """Through Buildbot's own mail settings, with an id by which a second copy is known."""
    settings = {"fromaddr": "cd@example.org", "relayhost": "127.0.0.1", "smtpPort": mail.server_address[1]}
    made = notifier(**settings, extraRecipients=["team@example.org"])
    message = compose("trunk/7/notify/live/1.0", "live", LANDING, {}, "trunk", PAGES)
    wait(defer.ensureDeferred(made.landing_notice("live", message, LANDING)))
    recipients, got = mail.taken[0]
    assert recipients == ["ada@example.org", "team@example.org"]
    assert got["Subject"] == "Live: Round prices"
    assert got["Message-ID"] == "<trunk.7.notify.live.1.0@example.org>"


def test_a_chat_gets_json_in_which_nothing_can_call_everybody(loop: Any, chat: Any) -> None:
    """A commit's text is data: it forms no link, and calls no channel."""
    url = f"http://127.0.0.1:{chat.server_address[1]}/hook"
    made = notifier(loop, webhook=url)
    odd = Landing(7, "trunk", "a" * 40, "b" * 40, "ada@example.org", "<!channel> @here & more")
    message = compose("k", "live", odd, {}, "trunk", PAGES)
    post(loop, made, message, odd)
    assert chat.taken[0]["id"] == "k"
    assert "<!channel>" not in chat.taken[0]["text"]
    assert "@here" not in chat.taken[0]["text"]


def test_a_refusal_is_told_without_the_address(loop: Any, chat: Any) -> None:
    """The address of a webhook is its password: neither a refusal nor a dead server brings it into the log."""
    message = compose("k", "live", LANDING, {}, "trunk", PAGES)
    chat.refuse = 1
    with pytest.raises(CdError, match="answered 503") as refused:
        post(loop, notifier(loop, webhook=f"http://127.0.0.1:{chat.server_address[1]}/T0/secret"), message)
    with pytest.raises(CdError, match="the webhook cannot be read") as dead:
        post(loop, notifier(loop, webhook="http://127.0.0.1:9/T0/secret"), message)
    assert "secret" not in f"{refused.value}{dead.value}"


def test_what_is_not_wanted_is_not_sent(loop: Any, chat: Any) -> None:
    """Only the events that were asked for."""
    made = notifier(loop, webhook=f"http://127.0.0.1:{chat.server_address[1]}/hook", events=["reverted"])
    post(loop, made, compose("k", "live", LANDING, {}, "trunk", PAGES))
    assert chat.taken == []


def test_wrong_settings_are_told_when_the_configuration_is_read() -> None:
    """With the nearest word that there is."""
    with pytest.raises(ConfigErrors) as caught, capture_config_errors(raise_on_error=True):
        LandingNotifier(events=["revertd"])
    assert any("did you mean 'reverted'" in one for one in caught.value.errors)
    assert any("webhook" in one for one in caught.value.errors)


# -- each once


class Both:
    """A master with a notifier that writes mail and posts to a chat, and the engine's part that delivers."""

    def __init__(self, loop: Any, chat: Any, mail: Any) -> None:
        self.loop, self.store = loop, MemoryStore()
        settings = {"fromaddr": "cd@example.org", "relayhost": "127.0.0.1", "smtpPort": mail.server_address[1]}
        self.notifier = notifier(loop, **settings, webhook=f"http://127.0.0.1:{chat.server_address[1]}/hook")
        config = SimpleNamespace(buildbotURL=PAGES)
        services = SimpleNamespace(namedServices={"LandingNotifier": self.notifier})
        self.clock = Clock()
        self.clock.callLater = loop.callLater  # what waits for an answer waits in the real one
        master: Any = SimpleNamespace(reactor=self.clock, config=config, service_manager=services)
        self.notices = Notices(master, self.store, self.answer)

    async def answer(self, key: str, result: Any) -> bool:
        """The end of an effect."""
        return await self.store.transact(lambda tx: tx.outbox.finish(key, result, self.clock.seconds()))

    def turn(self, key: str) -> Any:
        """One look of the engine at the notice, and the intent behind it when all that is on its way has ended."""

        async def look() -> Any:
            intent = await self.store.transact(lambda tx: tx.outbox.get(key))
            assert intent is not None
            await self.notices.deliver(intent, self.clock.seconds())
            await self.notices.finish()
            return await self.store.transact(lambda tx: tx.outbox.get(key))

        return blockingCallFromThread(self.loop, lambda: defer.ensureDeferred(look()))


@pytest.mark.parametrize("broken", ["mail", "chat"])
def test_each_way_is_taken_once_though_the_other_one_fails(
    loop: Any, chat: Any, mail: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that is down does not have the chat told again at each try, nor the other way round."""
    monkeypatch.setattr("buildbot.reporters.mail.reactor", loop)
    server = {"mail": mail, "chat": chat}[broken]
    server.refuse = 10**6
    both = Both(loop, chat, mail)

    def write(tx: Any) -> str:
        tx.gates.create(Gate("trunk"))
        one = tx.landings.add("trunk", "a" * 40, "b" * 40, "ada@example.org", "Round prices", "", 0.0)
        effect = Effect(EffectKind.NOTIFY, f"trunk/{one.id}/notify/live/1.0", {"what": "live"})
        return str(tx.outbox.put("trunk", one.id, effect, 0, 0.0).key)

    key = blockingCallFromThread(loop, lambda: defer.ensureDeferred(both.store.transact(write)))
    for _ in range(2):
        assert both.turn(key).state is IntentState.STARTED
        assert len(chat.taken) + len(mail.taken) == 1
        both.clock.rightNow += AGAIN + 1
    server.refuse = 0
    assert both.turn(key).result == {}
    assert (len(chat.taken), len(mail.taken)) == (1, 1)


class Told:
    """A notifier that fails as often as it was told to."""

    def __init__(self, name: str, failures: int = 0) -> None:
        self.name, self.failures, self.got = name, failures, list[str]()

    async def landing_notice(self, what: str, message: Any, landing: Any) -> None:
        """Take it or fail."""
        if self.failures:
            self.failures -= 1
            raise OSError("no line")
        self.got.append(message.ident)


class Office:
    """A master with notifiers, and the engine's part that delivers."""

    def __init__(self, *notifiers: Told, store: MemoryStore | None = None, clock: Clock | None = None) -> None:
        self.clock, self.store = clock or Clock(), store or MemoryStore()
        services = {one.name: one for one in notifiers} | {"other": SimpleNamespace(name="other")}
        config = SimpleNamespace(buildbotURL=PAGES)
        master: Any = SimpleNamespace(
            reactor=self.clock, config=config, service_manager=SimpleNamespace(namedServices=services)
        )
        self.notices = Notices(master, self.store, self.answer)

    async def answer(self, key: str, result: Any) -> bool:
        """The end of an effect."""
        return await self.store.transact(lambda tx: tx.outbox.finish(key, result, self.clock.seconds()))

    def put(self) -> str:
        """A notice that is due."""

        def write(tx: Any) -> str:
            tx.gates.create(Gate("trunk"))
            one = tx.landings.add("trunk", "a" * 40, "b" * 40, "ada@example.org", "Round prices", "", 0.0)
            key = f"trunk/{one.id}/notify/live/1.0"
            tx.outbox.put("trunk", one.id, Effect(EffectKind.NOTIFY, key, {"what": "live"}), 0, self.clock.seconds())
            return key

        return str(wait(defer.ensureDeferred(self.store.transact(write))))

    def turn(self, key: str) -> Any:
        """One look of the engine at the notice; the intent behind it."""

        async def look() -> Any:
            intent = await self.store.transact(lambda tx: tx.outbox.get(key))
            assert intent is not None
            if intent.state is not IntentState.DONE and await self.notices.deliver(intent, self.clock.seconds()):
                await self.answer(key, {})
            await self.notices.finish()
            return await self.store.transact(lambda tx: tx.outbox.get(key))

        return wait(defer.ensureDeferred(look()))


def test_each_notifier_hears_of_it_once_though_another_one_fails() -> None:
    """Who has it is not told again while the other is tried again; the end is recorded when all have it."""
    good, bad = Told("good"), Told("bad", failures=2)
    office = Office(good, bad)
    key = office.put()
    for _ in range(6):
        intent = office.turn(key)
        office.clock.advance(AGAIN + 1)
    assert (good.got, bad.got) == ([key], [key])
    assert intent.state is IntentState.DONE


def test_without_a_notifier_a_notice_is_done_at_once() -> None:
    """Nothing is kept for nobody."""
    office = Office()
    assert office.turn(office.put()).state is IntentState.DONE


def test_what_a_dead_master_was_delivering_is_delivered_by_another() -> None:
    """After a while, and not before; whom the dead one had reached is not told again."""
    first = Office(Told("good"), Told("bad", failures=9))
    key = first.put()
    first.turn(key)
    good, bad = Told("good"), Told("bad")
    second = Office(good, bad, store=first.store, clock=first.clock)
    second.turn(key)
    assert bad.got == []
    first.clock.advance(TAKE_OVER + 1)
    assert second.turn(key).state is IntentState.DONE
    assert (good.got, bad.got) == ([], [key])


def test_what_nobody_takes_for_an_hour_is_given_up() -> None:
    """And its record says who never got it."""
    office = Office(Told("bad", failures=10**6))
    key = office.put()
    office.turn(key)
    office.clock.advance(GIVE_UP + 1)
    intent = office.turn(key)
    assert (intent.state, intent.result) == (IntentState.DONE, {"lost": ["bad"]})
