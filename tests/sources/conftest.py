# SPDX-License-Identifier: GPL-2.0-only
"""A reactor of its own in a thread, and real HTTP servers on loopback whose answers a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from twisted.internet import defer
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import blockingCallFromThread

Answer = Callable[[BaseHTTPRequestHandler], None]


class Loop:
    """A running reactor, not the global one, so that nothing of other tests is touched."""

    def __init__(self) -> None:
        self.reactor = SelectReactor()
        self._thread = threading.Thread(target=self.reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
        self._thread.start()

    def run(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The result of the coroutine that `make` gives, run in the reactor."""
        return blockingCallFromThread(self.reactor, lambda: defer.Deferred.fromCoroutine(make()))

    def stop(self) -> None:
        """End the reactor."""
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away early is what some tests want."""


class Servers:
    """HTTP servers in threads."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def serve(self, answer: Answer) -> int:
        """Serve GET and POST with `answer` on a port of the loopback address; the port."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        server = _Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self._running.append((server, thread))
        return int(server.server_address[1])

    def page(self, text: str | bytes, status: int = 200) -> int:
        """Serve always the same page; the port."""
        return self.serve(lambda request: reply(request, text, status))

    def close(self) -> None:
        """Let hanging answers go and end all servers."""
        self.release.set()
        for server, thread in self._running:
            server.shutdown()
            server.server_close()
            thread.join(10)


def reply(request: BaseHTTPRequestHandler, text: str | bytes, status: int = 200) -> None:
    """Send a whole page."""
    body = text.encode() if isinstance(text, str) else text
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """One reactor for all tests of this folder."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Servers that end with the test."""
    servers = Servers()
    yield servers
    servers.close()


def fields(request: BaseHTTPRequestHandler) -> dict[str, list[str]]:
    """The form in the body of a request."""
    body = request.rfile.read(int(request.headers["Content-Length"]))
    return parse_qs(body.decode())


@pytest.fixture
def read_form() -> Callable[[BaseHTTPRequestHandler], dict[str, list[str]]]:
    """What reads the form in a request."""
    return fields
