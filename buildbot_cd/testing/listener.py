# SPDX-License-Identifier: GPL-2.0-only
"""Events of a real master over its websocket, for tests that run no reactor. Standard library only."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Self

from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Callable

Event = tuple[str, dict[str, Any]]


class Listener:
    """Listens on a master's ``/ws`` from the moment it is made; keeps what it heard in ``events``, oldest first."""

    def __init__(self, port: int, *paths: str, seconds: float = 30.0) -> None:
        """``paths`` such as ``cd/landings/*/*``; returns when the master has accepted all of them."""
        self.events: list[Event] = []
        self._seconds, self._accepted, self._unread = seconds, 0, b""
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._shake_hands(port)
        for number, path in enumerate(paths, 1):
            self._send({"cmd": "startConsuming", "path": path, "_id": number})
        self._until(lambda: self._accepted == len(paths), "the master to accept the paths")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def wait_for(self, matches: Callable[[Event], bool], what: str) -> Event:
        """The first event that matches, heard already or within the limit."""
        self._until(lambda: any(matches(one) for one in self.events), what)
        return next(one for one in self.events if matches(one))

    def _shake_hands(self, port: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._unread:
            self._more("the handshake")
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise CdError(f"the master refused the websocket: {head[:200]!r}")

    def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + self._seconds
        while not done():
            self._take()
            if done():
                return
            if time.monotonic() > end:
                raise CdError(
                    f"waited {self._seconds:.0f} s in vain for {what}; heard {[key for key, _ in self.events]}"
                )
            if select.select([self._socket], [], [], 0.2)[0]:
                self._more(what)

    def _more(self, what: str) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise CdError(f"the master hung up while we waited for {what}")
        self._unread += data

    def _take(self) -> None:
        """Read all whole frames; the master's are not masked and not split."""
        while True:
            if len(self._unread) < 2:
                return
            size, start = self._unread[1] & 127, 2
            if size >= 126:
                start = 4 if size == 126 else 10
                if len(self._unread) < start:
                    return
                size = int.from_bytes(self._unread[2:start], "big")
            if len(self._unread) < start + size:
                return
            frame, self._unread = self._unread[start : start + size], self._unread[start + size :]
            self._heard(json.loads(frame) if frame else {})

    def _heard(self, message: dict[str, Any]) -> None:
        if "k" in message:
            self.events.append((message["k"], message["m"]))
        elif message.get("code") == 200:
            self._accepted += 1
        elif "error" in message:
            raise CdError(f"the master refused: {message['error']}")

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        mask = os.urandom(4)
        head = (
            struct.pack("!BB", 0x81, 0x80 | len(body))
            if len(body) < 126
            else struct.pack("!BBH", 0x81, 0xFE, len(body))
        )
        self._socket.sendall(head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(body)))
