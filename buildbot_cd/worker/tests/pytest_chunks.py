# SPDX-License-Identifier: GPL-2.0-only
"""The plugin of the pytest that stays on a worker: it collects once, then runs chunk after chunk.

This file is sent to a worker beside `pytest_warm.py`, which loads it after `pytest_stream.py`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from buildbot_cd.worker.tests import pytest_stream as stream
else:
    import cd_pytest as stream  # what pytest_warm.py loaded under this name


class Between(pytest.Item):
    """Stands behind the last test of a chunk: all but what the session shares is torn down before it."""

    def runtest(self) -> None:
        """Never called."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where it stands."""
        return self.path if hasattr(self, "path") else self.fspath, None, self.name


class Warm(stream.Run):
    """Collects once, then runs what clients ask for."""

    def __init__(self, line: Any, names: Any, files: list[str] | None, listening: socket.socket) -> None:
        self.out: Any
        self.wanted: Any  # by nid of the chunk what it waits for
        super().__init__(line, names, ["pytest:" + name for name in files or ()])
        self.all_files, self.listening = files is None, listening
        self.items: dict[str, tuple[int, Any]] = {}
        self.wanted = {}
        self.client: socket.socket | None = None

    def ignored(self, path: Any) -> bool | None:
        """As in `stream.Run`, unless every file is collected."""
        return None if self.all_files else super().ignored(path)

    @stream.around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """All tests were found: remember them and their order."""
        yield
        for number, item in enumerate(items):
            nid, path = self.names.item(item)
            try:
                stream.described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
            self.of_item[item] = nid
            self.items[nid] = (number, item)

    @stream.instead
    def pytest_runtestloop(self, session: Any) -> bool:
        """Wait for clients and run what they ask for; ends when one was cut off."""
        self.between = Between.from_parent(session, name="between chunks")
        self.out.event("ready", count=len(self.items))
        os.close(self.out.handle)
        self.out.handle = -1
        while True:
            self.client, _ = self.listening.accept()
            with self.client.makefile("rb") as asked:
                chunk = json.loads(asked.readline() or b"{}").get("tests", [])
            self.out.handle = self.client.fileno()
            self.run_chunk(session, chunk)
            self.out.event("end", exit=0, count=len(self.results))
            if self.cut_off():
                return True  # the client was cut off: whoever did that wants no more of this
            self.out.handle = -1
            self.wanted = {}
            self.client.close()  # not in a finally: if a test stops pytest, `finish` still has words for the client

    def run_chunk(self, session: Any, chunk: list[dict[str, Any]]) -> None:
        """Run these tests, what others wait for first, and tell of those that had no turn."""
        self.wanted = {stream.named(one["nid"]): tuple(one.get("after") or ()) for one in chunk}
        self.results: set[str] = set()
        self.turn: str | None = None
        self.good: set[str] = set()
        order = self.in_order()
        for number, nid in enumerate(order):
            if self.is_blocked(nid):
                self.out.event("blocked", nid=nid)
                self.results.add(nid)
                continue
            if self.cut_off():
                return
            after = next((one for one in order[number + 1 :] if not self.is_blocked(one, nid)), None)
            next_item = self.between if after is None or self.needs(after, nid) else self.items[after][1]
            item = self.items[nid][1]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
            session.shouldfail = session.shouldstop = False
        for nid in [one for one in self.wanted if one not in self.results]:
            self.without_turn(nid, 0)

    def in_order(self) -> list[str]:
        """Pytest's own order, which saves setting up what tests share, but nothing before what it waits for."""
        present = sorted((nid for nid in self.wanted if nid in self.items), key=lambda nid: self.items[nid][0])
        placed: dict[str, None] = {}
        for first in present:
            stack = [first]
            while stack:
                open_ = [one for one in self.wanted[stack[-1]] if one in self.items and one in self.wanted]
                before = [one for one in open_ if one not in placed and one not in stack]
                if before:
                    stack.append(before[0])
                else:
                    placed[stack.pop()] = None
        return list(placed)

    def cut_off(self) -> bool:
        """Whether the client is gone."""
        return bool(self.out.handle < 0)

    def needs(self, nid: str, other: str) -> bool:
        """Whether the test waits for the other one."""
        return other in self.wanted[nid]

    def is_blocked(self, nid: str, running: str | None = None) -> bool:
        """Whether something of this chunk that the test waits for did not pass."""
        return any(one in self.wanted and one not in self.good and one != running for one in self.wanted[nid])

    def result(self, nid: str, outcome: str, seconds: float, text: str) -> None:
        """One test's result."""
        if outcome in {"passed", "skipped", "xfailed"}:
            self.good.add(nid)
        super().result(nid, outcome, seconds, text)

    def finish(self, code: int) -> None:
        """Pytest was stopped, by a test in a chunk or before there was one."""
        for nid in [one for one in self.wanted if one not in self.results]:
            when = "in the middle of it" if nid == self.turn else "before its turn"
            self.out.event("lost", nid=nid, text=f"pytest stopped {when} and ended with {code}")
        self.out.event("died", exit=code)
