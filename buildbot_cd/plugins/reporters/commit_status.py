# SPDX-License-Identifier: GPL-2.0-only
"""``reporters.cd.CommitStatus``: the git server shows beside a commit what becomes of its landing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from buildbot import config
from buildbot.reporters.base import ReporterBase
from twisted.internet import defer

from buildbot_cd.core.selection.nearest import nearest
from buildbot_cd.errors import CdError
from buildbot_cd.sources.http import Fetcher, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.landing.message import Message
    from buildbot_cd.core.landing.values import Landing

SECONDS = 20.0
MOST = 100_000
DESCRIPTION = 140
"""Characters that GitHub takes; the others take more."""

STATES = {
    "your_turn": ("pending", "is being tested"),
    "retest": ("pending", "is tested again, without what went another way"),
    "held": ("pending", "waits, and not because of the change"),
    "passed": ("pending", "passed its tests, and goes to production"),
    "settling": ("pending", "is on the whole fleet, and is watched on"),
    "live": ("success", "is live on the whole fleet"),
    "bypassed": ("success", "was decided on by hand"),
    "rolled_back": ("failure", "was taken out of production"),
    "reverted": ("failure", "was taken back"),
    "evicted": ("failure", "was taken back with another change"),
    "halted": ("error", "waits for a person"),
    "escaped": ("failure", "carried a failure past its tests, which was found later"),
}
"""By kind of message: the state in GitHub's words, and what becomes of the commit."""

LAST = frozenset({"live", "bypassed", "reverted", "evicted", "escaped"})
"""What is told of a landing that has ended."""


@dataclass(frozen=True, slots=True)
class Server:
    """How a kind of server is told: its public address, the path, the token's header, its words for states."""

    public: str
    path: str
    header: str
    token: str
    states: Mapping[str, str]
    name: str


PLAIN = {"pending": "pending", "success": "success", "failure": "failure", "error": "error"}
SERVERS = {
    "github": Server(
        "https://api.github.com", "/repos/{repository}/statuses/{sha}", "Authorization", "Bearer {}", PLAIN, "context"
    ),
    "gitea": Server("", "/api/v1/repos/{repository}/statuses/{sha}", "Authorization", "token {}", PLAIN, "context"),
    "gitlab": Server(
        "https://gitlab.com",
        "/api/v4/projects/{project}/statuses/{sha}",
        "PRIVATE-TOKEN",
        "{}",
        {"pending": "running", "success": "success", "failure": "failed", "error": "failed"},
        "name",
    ),
}


class CommitStatus(ReporterBase):
    """Sets a commit status for each landing's newest commit. The same status twice looks like one: servers keep the
    newest of each ``context``.
    """

    name: str | None = "CommitStatus"
    secrets: ClassVar[list[str]] = ["token"]
    compare_attrs: ClassVar[Sequence[str]] = ("server", "repository", "token", "url", "context")

    def checkConfig(  # type: ignore[override]
        self,
        server: str,
        repository: str,
        *,
        token: Any,  # noqa: ARG002 - a secret cannot be looked at yet
        url: str | None = None,
        context: str = "deployment",
        **kwargs: Any,
    ) -> None:
        """Buildbot's check of the configuration."""
        if server not in SERVERS:
            near = nearest(str(server), SERVERS)
            hint = f", did you mean {near!r}?" if near else "."
            config.error(f"CommitStatus: server: there is no {server!r}{hint} There are {', '.join(SERVERS)}.")
        elif not (url or SERVERS[server].public):
            config.error(f"CommitStatus: {server} has no public address: give url, such as https://git.example.org")
        if url is not None and urlsplit(url).scheme not in ("http", "https"):
            config.error(f"CommitStatus: url: {url!r} should begin with https:// or http://")
        if "/" not in repository.strip("/"):
            config.error(f"CommitStatus: repository: {repository!r} should be OWNER/NAME")
        if not context.strip():
            config.error("CommitStatus: context: should not be empty: it tells this status from others")
        super().checkConfig(generators=[], **kwargs)

    def reconfigService(  # type: ignore[override]
        self,
        server: str,
        repository: str,
        *,
        token: str,
        url: str | None = None,
        context: str = "deployment",
        **kwargs: Any,
    ) -> defer.Deferred[None]:
        """Buildbot's start and change of the configuration."""
        self.server, self.repository, self.token = SERVERS[server], repository.strip("/"), token
        self.url, self.context = (url or self.server.public).rstrip("/"), context
        return defer.maybeDeferred(super().reconfigService, generators=[], **kwargs)

    async def landing_notice(self, what: str, message: Message, landing: Landing | None) -> None:
        """Set the status that belongs to a message. Raises CdError if the server does not take it."""
        if landing is None or what not in STATES:
            return
        state, says = STATES[what]
        if landing.state.terminal and what not in LAST:
            return  # it comes late, after an answer that the server did not give: the last word is out, or on its way
        page = next((line[6:] for line in message.body.splitlines() if line.startswith("Page: ")), "")
        body = {
            "state": self.server.states[state],
            "description": printable(f"Landing {landing.id} {says}", DESCRIPTION),
            "target_url": page,
            self.server.name: self.context,
        }
        await self._post(landing.head, body)

    async def _post(self, sha: str, body: dict[str, str]) -> None:
        repository = quote(self.repository)
        path = self.server.path.format(repository=repository, project=quote(self.repository, safe=""), sha=quote(sha))
        master: Any = self.master
        fetcher = Fetcher(master.reactor, timeout=SECONDS, max_bytes=MOST)
        try:
            # GitHub refuses whoever does not say what program it is.
            given = {self.server.header: self.server.token.format(self.token), "User-Agent": "buildbot_cd"}
            code, said = await fetcher.post_json(self.url + path, body, given)
        finally:
            await fetcher.close()
        text = said.decode("utf-8", "replace")
        if code == 400 and "Cannot transition status" in text:
            return  # GitLab's way to say that it stands so already
        if code >= 300:
            raise CdError(f"{self.url} answered {code} to a commit status: {printable(text[:200])}")
