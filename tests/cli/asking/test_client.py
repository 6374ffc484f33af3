# SPDX-License-Identifier: GPL-2.0-only
"""The client over a real connection to a server that breaks off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from buildbot_cd.cli.asking.client import Client
from buildbot_cd.errors import CdError


class Breaks(BaseHTTPRequestHandler):
    """Breaks off as many answers as ``left`` says, then gives whole ones."""

    left: ClassVar[int] = 0
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Headers that promise more than there comes."""
        type(self).seen.append(self.command)
        body = b'{"gates": [], "result": {}}'
        type(self).left -= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: 5 if type(self).left >= 0 else None])

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """Its address."""
    Breaks.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Breaks)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_question_is_asked_again_and_an_order_is_not(url: str) -> None:
    """An answer that was broken off once costs nothing; twice it is told; an order may have been done."""
    Breaks.left = 1
    assert Client(url).rows("gates", "gates") == []
    Breaks.left = 2
    with pytest.raises(CdError, match="breaks off its answers"):
        Client(url).rows("gates", "gates")
    Breaks.left = 1
    with pytest.raises(CdError, match="look whether the order was done"):
        Client(url).act("gates/trunk", "freeze", reason="x")
    assert Breaks.seen == ["GET"] * 4 + ["POST"]
