# SPDX-License-Identifier: GPL-2.0-only
"""A reactor of its own in a thread, and real HTTP servers on loopback whose answers a test chooses."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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


class Prometheus:
    """Real Prometheus servers on loopback, which end with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, config: str, past: str = "") -> tuple[int, subprocess.Popen[bytes]]:
        """Start one that is ready, with a past in the OpenMetrics format if one is given; its port and its process."""
        folder = self._folder / f"prometheus-{len(self._running)}"
        folder.mkdir()
        (folder / "prometheus.yml").write_text(config)
        if past:
            (folder / "past.txt").write_text(past)
            # Blocks of two hours, as by default, would read the whole file once for each of them.
            blocks = ["create-blocks-from", "--max-block-duration=1024h", "openmetrics", "past.txt", "data"]
            fill = ["promtool", "tsdb", *blocks]
            subprocess.run(fill, cwd=folder, check=True, timeout=100, capture_output=True)
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        argv = [
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
        self._running.append(server)
        _wait_until_ready(port, server)
        return port, server

    def close(self) -> None:
        """End them all, stopped ones too."""
        for server in self._running:
            server.kill()
            server.wait(20)


def _wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(400):
        assert server.poll() is None, "prometheus ended by itself"
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as page,
        ):
            if page.status == 200:
                return
        pause.wait(0.1)
    raise AssertionError("prometheus is not ready after 40 s")


@pytest.fixture
def prometheus_servers(tmp_path: Path) -> Iterator[Prometheus]:
    """Real servers; a machine without the program skips the test."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("no prometheus program on this machine")
    servers = Prometheus(tmp_path)
    yield servers
    servers.close()
