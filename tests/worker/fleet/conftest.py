# SPDX-License-Identifier: GPL-2.0-only
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from buildbot_cd.testing import sshd
from buildbot_cd.testing.fleet import FleetClient

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A release with a program, a link, an odd name, an empty folder and a file above the small disk's limit."""
    folder = tmp_path / "payload"
    (folder / "bin").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "bin" / "shop").write_text("#!/bin/sh\n")
    (folder / "bin" / "shop").chmod(0o755)
    (folder / "größe 'x'; $(y)").write_text("odd")
    (folder / "data").write_bytes(bytes(range(256)) * 400)
    (folder / "link").symlink_to("data")
    return folder


@pytest.fixture
def fan_out() -> Run:
    """Run the program on a request; its exit code and events."""

    def run(**request: Any) -> tuple[int, list[dict[str, Any]]]:
        done = subprocess.run(
            [sys.executable, "-m", "buildbot_cd.worker.fleet"],
            input=json.dumps(request), capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.SshFleet]:
    """Twenty addresses with a real sshd."""
    if sshd.missing():
        pytest.skip(sshd.missing())
    with sshd.ssh_fleet(tmp_path_factory.mktemp("sshd")) as fleet:
        yield fleet
    # here the servers are gone


@pytest.fixture
def client(servers: sshd.SshFleet, tmp_path: Path) -> Iterator[FleetClient]:
    """A client for eight hosts; its daemon is ended behind the test."""
    made = FleetClient(tmp_path / "place", servers, tmp_path / "hosts")
    yield made
    if made.place.exists():
        made.stop()
        assert made.pid() == 0


@pytest.fixture
def shop() -> Iterator[tuple[str, dict[str, str]]]:
    """A service at a URL; the dict says which release each path claims to serve."""
    serving: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in serving else 503)
            self.send_header("X-Release", serving.get(self.path, ""))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", serving
    server.shutdown()
    server.server_close()
    thread.join()
