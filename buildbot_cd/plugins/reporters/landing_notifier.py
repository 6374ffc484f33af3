# SPDX-License-Identifier: GPL-2.0-only
"""``reporters.cd.LandingNotifier``: a landing's engineer and the team hear what becomes of it, by mail and chat."""

from __future__ import annotations

from email.message import Message as Mail
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, ClassVar

from buildbot import config
from buildbot.reporters.mail import ENCODING, MailNotifier
from twisted.internet import defer

from buildbot_cd.core.landing.message import SUBJECTS
from buildbot_cd.core.selection.nearest import nearest
from buildbot_cd.errors import CdError, SourceError
from buildbot_cd.sources.http import Fetcher, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.landing.message import Message
    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.engine.notices import Send

SECONDS = 20.0
MOST = 100_000


class LandingNotifier(MailNotifier):
    """Mail through Buildbot's own mail settings (all arguments of ``MailNotifier``), and a webhook in the form that
    Slack and Mattermost take. The message's ``ident`` is its Message-ID, and ``id`` in the webhook's JSON.
    """

    name: str | None = "LandingNotifier"
    secrets = [*MailNotifier.secrets, "webhook"]
    compare_attrs: ClassVar[Sequence[str]] = ("webhook", "events", "mails")

    def checkConfig(  # type: ignore[override]
        self,
        fromaddr: str | None = None,
        *,
        webhook: Any = None,
        events: Sequence[str] = tuple(SUBJECTS),
        **kwargs: Any,
    ) -> None:
        """Buildbot's check of the configuration."""
        if fromaddr is None and webhook is None:
            config.error("LandingNotifier: give fromaddr (for mail), webhook (an address or a secret), or both")
        for one in events:
            if one not in SUBJECTS:
                near = nearest(one, SUBJECTS)
                hint = f", did you mean {near!r}?" if near else ""
                config.error(f"LandingNotifier: events: there is no {one!r}{hint} There are {', '.join(SUBJECTS)}.")
        super().checkConfig(fromaddr or "nobody@localhost", generators=[], **kwargs)

    @defer.inlineCallbacks
    def reconfigService(  # type: ignore[override]
        self,
        fromaddr: str | None = None,
        *,
        webhook: str | None = None,
        events: Sequence[str] = tuple(SUBJECTS),
        **kwargs: Any,
    ) -> Any:
        """Buildbot's start and change of the configuration."""
        self.mails, self.webhook, self.events = fromaddr is not None, webhook, frozenset(events)
        yield super().reconfigService(fromaddr or "nobody@localhost", generators=[], **kwargs)

    async def landing_notice(self, what: str, message: Message, landing: Landing | None) -> None:
        """Deliver one message in every way. Raises CdError if the chat does not take it, or what mail says."""
        for send in self.landing_channels().values():
            await send(what, message, landing)

    def landing_channels(self) -> dict[str, Send]:
        """The ways that are configured: whom one of them reaches is not told again when the other one fails."""
        ways: dict[str, Send] = {}
        if self.webhook is not None:
            ways["webhook"] = self._post
        if self.mails:
            ways["mail"] = self._mail
        return ways

    async def _post(self, what: str, message: Message, _landing: Landing | None) -> None:
        if what not in self.events:
            return
        body = {"text": f"*{_escaped(message.subject)}*\n{_escaped(message.body)}", "id": message.ident}
        master: Any = self.master
        fetcher = Fetcher(master.reactor, timeout=SECONDS, max_bytes=MOST)
        try:
            code, said = await fetcher.post_json(str(self.webhook), body)
        except SourceError as error:
            # The address of a webhook is its password: it must not come into the log.
            raise CdError(str(error).replace(str(self.webhook), "the webhook")) from None
        finally:
            await fetcher.close()
        if code >= 400:
            raise CdError(f"the webhook answered {code}: {printable(said[:200].decode('utf-8', 'replace'))}")

    async def _mail(self, what: str, message: Message, landing: Landing | None) -> None:
        if what not in self.events:
            return
        mail = Mail()
        mail.set_payload(message.body.encode(ENCODING), ENCODING)
        mail["Date"] = formatdate(localtime=True)
        mail["Subject"] = message.subject
        mail["From"] = self.fromaddr
        mail["Message-ID"] = f"<{_word(message.ident)}@{_word(self.fromaddr.rsplit('@', 1)[-1])}>"
        people = [landing.engineer] if landing is not None else []
        found = await self.findInterrestedUsersEmails(people)
        recipients = self.processRecipients(found, mail)
        if recipients:
            await self.sendMail(mail, recipients)


def _escaped(text: str) -> str:
    """What Slack and Mattermost ask for: a commit must not be able to call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _word(text: str) -> str:
    return "".join(one if one.isalnum() or one in "-._" else "." for one in text)
