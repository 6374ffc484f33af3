# SPDX-License-Identifier: GPL-2.0-only
"""A mail server and a chat's webhook on loopback that keep what they are sent: to test a master's notifiers with."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def chat_server() -> Iterator[Any]:
    """A webhook: ``taken`` are the JSON bodies that it got; ``refuse`` of the next ones it answers with 503."""
    yield from _served(ThreadingHTTPServer(("127.0.0.1", 0), Chat))


@contextmanager
def mail_server() -> Iterator[Any]:
    """A mail server: ``taken`` are pairs of recipients, sorted, and message; it refuses the next ``refuse`` calls."""
    yield from _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Postman))


def _served(made: Any) -> Iterator[Any]:
    made.taken, made.refuse, made.daemon_threads = [], 0, True
    thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join(10)


class Chat(BaseHTTPRequestHandler):
    """A chat's webhook; it refuses as often as it was told to."""

    def do_POST(self) -> None:
        """Take one message."""
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.refuse, refused = max(0, server.refuse - 1), server.refuse > 0
        if not refused:
            server.taken.append(body)
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Postman(socketserver.StreamRequestHandler):
    """As much of SMTP as taking a mail needs; it refuses as often as it was told to."""

    def handle(self) -> None:
        """One connection."""
        server: Any = self.server
        server.refuse, refused = max(0, server.refuse - 1), server.refuse > 0
        self.wfile.write(b"554 go away\r\n" if refused else b"220 ready\r\n")
        if refused:
            return
        recipients: list[str] = []
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                server.taken.append((sorted(recipients), email.message_from_bytes(text, policy=email.policy.default)))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return
