# SPDX-License-Identifier: GPL-2.0-only
"""The guard of the pytest that stays: it stands between it and the clients, and outlives both.

This file is sent to a worker under this name, and lies beside `pytest_warm.py`. Chunks go through the guard to pytest;
events come back and wait here while no client is there. So the next chunk may come before the present one is over, and
what was told before a crash is not lost. A client that is cut off takes pytest with it; one that asked to be let go
early (`ahead`) leaves it at work. Needs Python 3.8 or later and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buildbot_cd.worker.tests.cd_names import WIDTH, cut, dumped
else:
    from cd_names import WIDTH, cut, dumped

GATHER = 0.1  # seconds for which events are gathered before they go to the client
REST = 0.01  # seconds between looks at what pytest says: it speaks twice a test
TICK = 0.05  # seconds until the next look if nobody says anything, with a client
CALM = 0.2  # the same without one
READ = 1 << 18


class Batch:
    """Events on their way to a client. Tests that passed share lines; only the test that still runs has begun."""

    def __init__(self) -> None:
        self.passed: dict[str, list[tuple[str, float]]] = {}
        self.others: list[str] = []
        self.running: str | None = None
        self.since: float | None = None

    def add(self, event: dict[str, Any], now: float) -> None:
        """Take one in."""
        self.since = now if self.since is None else self.since
        if event["event"] == "start":
            self.running = event["nid"]
            return
        if event.get("nid") == self.running:
            self.running = None
        if event["event"] == "result" and event["outcome"] == "passed" and not event["text"]:
            file, _, name = event["nid"].partition("::")
            self.passed.setdefault(file, []).append((name, event["seconds"]))
        else:
            self.others.append(dumped(event))

    def taken(self) -> bytes:
        """Everything, as lines; then it is empty."""
        texts = [text for file, tests in self.passed.items() for text in grouped(file, tests)]
        texts += self.others
        if self.running is not None:
            texts.append(dumped({"event": "start", "nid": self.running}))
        self.passed, self.others, self.running, self.since = {}, [], None, None
        return "".join(cut(text) for text in texts).encode("ascii")


def grouped(file: str, tests: list[tuple[str, float]]) -> list[str]:
    """``passed`` events for tests of one file, each as long as one line takes."""
    events: list[str] = []
    part: list[tuple[str, float]] = []
    size = 0
    for one in tests:
        size += len(dumped({"": one}))
        if part and size > WIDTH - 100 - len(file):
            events.append(dumped({"event": "passed", "file": file, "tests": part}))
            part, size = [], 0
        part.append(one)
    return [*events, dumped({"event": "passed", "file": file, "tests": part})]


class Load:
    """What pytest was asked for and has not answered, and how long that may take."""

    def __init__(self) -> None:
        self.open: dict[str, float] = {}
        self.running: str | None = None
        self.began = self.since = time.monotonic()
        self.expected = 0.0  # of what was answered since `began`

    def ask(self, tests: list[dict[str, Any]]) -> None:
        """More is to be done."""
        if not self.open:
            self.began, self.expected = time.monotonic(), 0.0
        self.open.update((one["nid"], float(one.get("seconds") or 0.0)) for one in tests)

    def note(self, event: dict[str, Any]) -> None:
        """What pytest said."""
        if event["event"] == "start":
            self.running, self.since = event["nid"], time.monotonic()
        elif event["event"] in ("result", "missing", "blocked", "lost"):
            self.expected += self.open.pop(event["nid"], 0.0)

    def left(self) -> float:
        """Seconds until pytest has nothing to do, if it goes on as slowly or quickly as so far."""
        now = time.monotonic()
        pace = (now - self.began) / self.expected if self.expected > 0 else 1.0
        running = self.open.get(self.running or "", 0.0)
        return pace * (sum(self.open.values()) - running) + max(pace * running - (now - self.since), 0.0)


class Guard:
    """One pytest, from its start to its end."""

    def __init__(self, path: str, listening: socket.socket, channel: socket.socket, child: int, idle: float) -> None:
        self.path, self.listening, self.channel, self.child, self.idle = path, listening, channel, child, idle
        self.mine = os.stat(path).st_ino
        self.client: socket.socket | None = None
        self.ahead = 0.0
        self.asked = 0
        self.ended = False  # whether pytest has said so of everything that was asked for
        self.dead = self.drained = self.over = False  # it ended; nothing of it is left to read; a client was told so
        self.died: dict[str, Any] = {}
        self.attached = self.seen = time.monotonic()
        self.rest = b""
        self.batch, self.load = Batch(), Load()

    def run(self) -> None:
        """Until pytest is no more, or should be no more."""
        while self.turn():
            pass
        with contextlib.suppress(OSError):
            os.killpg(self.child, signal.SIGKILL)
        if self.is_there():
            os.unlink(self.path)

    def turn(self) -> bool:
        """One look around; False if this was the last."""
        if not self.is_there() or (self.client is None and time.monotonic() - self.seen > self.idle):
            return False
        self.dead = self.dead or os.waitpid(self.child, os.WNOHANG)[0] != 0
        ears = [self.listening, *([] if self.drained else [self.channel]), *([self.client] if self.client else [])]
        heard = select.select(ears, [], [], CALM if self.client is None else TICK)[0]
        try:
            if self.client is not None and self.client in heard and not self.client.recv(1):
                return False  # it was cut off: whoever did that wants no more of this
            if self.client is None and self.listening in heard:
                self.welcome()
            if self.channel in heard:
                self.hear()
            elif self.dead:
                self.drained = True
            if self.client is not None:
                self.tell(self.client)
        except OSError:
            return False  # the client is gone
        return not (self.over or (self.drained and not self.asked))

    def is_there(self) -> bool:
        """Whether the socket's file is, and is ours."""
        try:
            return os.stat(self.path).st_ino == self.mine
        except OSError:
            return False

    def welcome(self) -> None:
        """A client comes; hand on what it asks for."""
        self.client, _ = self.listening.accept()
        self.client.settimeout(60.0)
        with self.client.makefile("rb") as line:
            asked = json.loads(line.readline() or b"{}")
        tests = asked.get("tests", [])
        self.ahead, self.attached = float(asked.get("ahead") or 0.0), time.monotonic()
        if self.load.running in self.load.open:
            self.batch.add({"event": "start", "nid": self.load.running}, self.attached)
        self.load.ask(tests)
        self.asked, self.ended = self.asked + 1, False
        if not self.dead:
            with contextlib.suppress(OSError):  # pytest dies: that is seen soon
                self.channel.sendall(dumped({"tests": tests}).encode("ascii") + b"\n")

    def hear(self) -> None:
        """What pytest says."""
        if not self.dead:
            time.sleep(REST)
        try:
            data = self.channel.recv(READ)
        except OSError:
            data = b""
        self.drained = not data
        *whole, self.rest = (self.rest + data).split(b"\n")
        now = time.monotonic()
        for line in whole:
            event = json.loads(line)
            self.load.note(event)
            if event["event"] == "end":
                self.ended = event["asked"] == self.asked
            elif event["event"] == "died":
                self.died = event
            else:
                self.batch.add(event, now)

    def tell(self, client: socket.socket) -> None:
        """What there is for the client, and whether it should go."""
        over = self.last_word()
        due = self.batch.since is not None and time.monotonic() - self.batch.since >= GATHER
        if over or due:
            client.sendall(self.batch.taken() + (cut(dumped(over)).encode("ascii") if over else b""))
        if over:
            client.close()
            self.client, self.seen = None, time.monotonic()
            self.over = over["event"] == "died"

    def last_word(self) -> dict[str, Any]:
        """The event that lets the client go; empty if it should stay. ``busy`` are the seconds that it was here."""
        busy = round(time.monotonic() - self.attached, 3)
        if self.drained:
            text = f"pytest ended in the middle of a test: see {self.path}.log"
            return self.died or {"event": "died", "text": text}
        if self.ended:
            return {"event": "end", "exit": 0, "busy": busy}
        if self.ahead and self.load.left() <= self.ahead:
            return {"event": "more", "busy": busy}
        return {}
