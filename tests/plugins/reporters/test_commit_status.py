# SPDX-License-Identifier: GPL-2.0-only
"""Commit statuses as GitHub, GitLab and Gitea take them, over real connections."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from buildbot.config.errors import ConfigErrors, capture_config_errors
from twisted.internet import defer
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import blockingCallFromThread

from buildbot_cd.core.landing.message import SUBJECTS, compose
from buildbot_cd.core.landing.values import Landing, State
from buildbot_cd.errors import CdError
from buildbot_cd.plugins.reporters.commit_status import STATES, CommitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
from dataclasses import replace

SHA = "b" * 40
LANDING = Landing(7, "trunk", "a" * 40, SHA, "ada@example.org", "Round <b>prices</b>")


class GitServer(BaseHTTPRequestHandler):
    """Takes statuses, or refuses them as it was told to."""

    def do_POST(self) -> None:
        """One status."""
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        code, text = server.answer
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    """A running git server."""
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), GitServer)
    made.taken, made.answer, made.daemon_threads = [], (201, b"{}"), True
    thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def loop() -> Iterator[Any]:
    """A reactor that runs, in a thread."""
    made: Any = SelectReactor()
    thread = threading.Thread(target=made.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    yield made
    made.callFromThread(made.stop)
    thread.join(10)


def tell(loop: Any, server: Any, kind: str, what: str, landing: Landing | None = LANDING) -> None:
    """Have a message become a status."""
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    made = CommitStatus(kind, "shop/web app", token="secret-token", url=url)
    made.parent = SimpleNamespace(master=SimpleNamespace(reactor=loop))
    made.reconfigService(kind, "shop/web app", token="secret-token", url=url)
    message = compose("k", what, landing, {}, "trunk", "http://ci.example/")
    blockingCallFromThread(loop, lambda: defer.ensureDeferred(made.landing_notice(what, message, landing)))


@pytest.mark.parametrize(
    ("kind", "path", "header", "name", "states"),
    [
        ("github", f"/repos/shop/web%20app/statuses/{SHA}", ("Authorization", "Bearer secret-token"), "context", None),
        (
            "gitea",
            f"/api/v1/repos/shop/web%20app/statuses/{SHA}",
            ("Authorization", "token secret-token"),
            "context",
            None,
        ),
        (
            "gitlab",
            f"/api/v4/projects/shop%2Fweb%20app/statuses/{SHA}",
            ("PRIVATE-TOKEN", "secret-token"),
            "name",
            {"pending": "running", "failure": "failed", "success": "success", "error": "failed"},
        ),
    ],
)
def test_each_server_is_told_in_its_own_words(
    loop: Any, server: Any, kind: str, path: str, header: tuple[str, str], name: str, states: dict[str, str] | None
) -> None:
    """Path, token, state and the link to the landing's page."""
    for what, (state, _) in STATES.items():
        tell(loop, server, kind, what)
        got, headers, body = server.taken.pop()
        assert (got, headers[header[0].lower()], headers["user-agent"]) == (path, header[1], "buildbot_cd")
        assert body["state"] == (states or {}).get(state, state)
        assert body[name] == "deployment"
        assert body["target_url"] == "http://ci.example/#/cd/landings/7"
        assert body["description"].startswith("Landing 7 ")
        assert "ada" not in json.dumps(body)


def test_every_message_about_a_landing_has_a_state() -> None:
    """A kind of message that is new must not leave a commit pending for ever."""
    assert set(STATES) == set(SUBJECTS)


def test_a_message_about_the_gate_sets_nothing(loop: Any, server: Any) -> None:
    """It belongs to no commit."""
    tell(loop, server, "github", "halted", None)
    assert server.taken == []


@pytest.mark.parametrize(("what", "told"), [("passed", 0), ("halted", 0), ("live", 1)])
def test_a_status_that_comes_late_does_not_hide_the_last_one(loop: Any, server: Any, what: str, told: int) -> None:
    """What a server did not take is offered again; of a landing that has ended by then, only its end counts."""
    tell(loop, server, "github", what, replace(LANDING, state=State.LIVE))
    assert len(server.taken) == told


def test_a_refusal_is_told_without_the_token(loop: Any, server: Any) -> None:
    """So that it is offered again; GitLab's word that it stands so already is none."""
    server.answer = (403, b'{"message": "Resource not accessible\x1b[1m"}')
    with pytest.raises(CdError, match="answered 403 to a commit status") as caught:
        tell(loop, server, "github", "live")
    assert "secret-token" not in str(caught.value)
    assert str(caught.value).isprintable()
    server.answer = (400, b"Cannot transition status via :run from :running")
    tell(loop, server, "gitlab", "passed")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("githup", "a/b", {}), "there is no 'githup', did you mean 'github'?"),
        (("gitea", "a/b", {}), "gitea has no public address: give url"),
        (("github", "shop", {}), "'shop' should be OWNER/NAME"),
        (("github", "a/b", {"url": "ftp://x"}), "should begin with https:// or http://"),
        (("github", "a/b", {"context": " "}), "context: should not be empty"),
    ],
)
def test_mistakes_are_told_by_checkconfig(settings: tuple[str, str, dict[str, str]], said: str) -> None:
    """Each with what should stand there."""
    kind, repository, more = settings
    with pytest.raises(ConfigErrors) as caught, capture_config_errors(raise_on_error=True):
        CommitStatus(kind, repository, token="x", **more)
    assert said in str(caught.value)
