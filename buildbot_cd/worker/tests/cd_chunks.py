# SPDX-License-Identifier: GPL-2.0-only
"""The plugin of the pytest that stays on a worker: it collects once, then runs chunk after chunk.

This file is sent to a worker under this name, and lies beside `pytest_warm.py`. Between two tests the plugin takes in
what was asked for meanwhile.
"""

from __future__ import annotations

import json
import os
from select import select
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from buildbot_cd.worker.tests import cd_names as text_of
    from buildbot_cd.worker.tests import cd_plugin as base
    from buildbot_cd.worker.tests.cd_run import Run
else:
    import cd_names as text_of
    import cd_plugin as base
    from cd_run import Run


class Between(pytest.Item):
    """Stands behind the last test that there is: all but what the session shares is torn down before it."""

    def runtest(self) -> None:
        """Never called."""

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where it stands."""
        return self.path if hasattr(self, "path") else self.fspath, None, self.name


class Warm(Run):
    """Collects once, then runs what the guard hands on."""

    def __init__(self, line: Any, names: Any, files: list[str] | None, channel: socket.socket) -> None:
        self.out: Any
        super().__init__(line, names, ["pytest:" + name for name in files or ()])
        self.all_files, self.channel = files is None, channel
        self.items: dict[str, tuple[int, Any]] = {}
        self.wanted: dict[str, None] = {}
        self.after: dict[str, list[str]] = {}  # by nid what it waits for, of those that were asked for so far
        self.good: set[str] = set()
        self.queue: list[str] = []
        self.promised: str | None = None  # pytest was told that this one comes next
        self.asked = self.answered = 0
        self.rest = b""

    def ignored(self, path: Any) -> bool | None:
        """As in `cd_run.Run`, unless every file is collected."""
        return None if self.all_files else super().ignored(path)

    @base.around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """All tests were found: remember them and their order."""
        yield
        for number, item in enumerate(items):
            nid, path = self.names.item(item)
            try:
                text_of.described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
            self.of_item[item] = nid
            self.items[nid] = (number, item)

    @base.instead
    def pytest_runtestloop(self, session: Any) -> bool:
        """Run what is asked for, until the guard goes."""
        between = Between.from_parent(session, name="between chunks")
        self.out.event("ready", count=len(self.items))
        os.close(self.out.handle)
        self.out.handle = self.channel.fileno()
        while self.hear():
            nid = self.queue.pop(0)
            if self.is_blocked(nid):
                self.out.event("blocked", nid=nid)
                self.results.add(nid)
            else:
                self.run_one(session, nid, between)
        return True

    def run_one(self, session: Any, nid: str, between: Any) -> None:
        """Run this test; what comes next decides what is torn down."""
        after = next((one for one in self.queue if not self.is_blocked(one, nid)), None)
        self.promised = None if after is None or nid in self.after[after] else after
        item, next_item = self.items[nid][1], between if self.promised is None else self.items[self.promised][1]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        session.shouldfail = session.shouldstop = False
        if nid not in self.results:
            self.without_turn(nid, 0)

    def hear(self) -> bool:
        """Take in what was asked for meanwhile; with nothing to do wait for it. False if the guard is gone."""
        while True:
            if not select([self.channel], [], [], 0)[0]:
                if self.queue:
                    return True
                if self.answered != self.asked:
                    self.answered = self.asked
                    self.out.event("end", exit=0, count=len(self.results), asked=self.asked)
            data = self.channel.recv(65536)
            if not data:
                return False
            *whole, self.rest = (self.rest + data).split(b"\n")
            for line in whole:
                self.ask(json.loads(line).get("tests", []))

    def ask(self, tests: list[dict[str, Any]]) -> None:
        """Put these tests to the others, and tell of those that are not there."""
        self.asked += 1
        fresh = {text_of.named(one["nid"]): one.get("after") or () for one in tests}
        self.wanted.update(dict.fromkeys(fresh))
        self.results.difference_update(fresh)
        self.good.difference_update(fresh)
        self.after.update((nid, [text_of.named(one) for one in after]) for nid, after in fresh.items())
        first = [self.promised] if self.promised in self.queue else []
        rest = [one for one in self.queue if one not in first]
        self.queue = first + self.in_order([*rest, *(nid for nid in fresh if nid in self.items)])
        for nid in fresh:
            if nid not in self.items:
                self.without_turn(nid, 0)

    def in_order(self, nids: list[str]) -> list[str]:
        """Pytest's own order, which saves setting up what tests share, but nothing before what it waits for."""
        left = set(nids)
        placed: dict[str, None] = {}
        for first in sorted(left, key=lambda nid: self.items[nid][0]):
            stack = [first]
            while stack:
                before = next(
                    (one for one in self.after[stack[-1]] if one in left and one not in placed and one not in stack),
                    None,
                )
                if before is None:
                    placed[stack.pop()] = None
                else:
                    stack.append(before)
        return list(placed)

    def is_blocked(self, nid: str, running: str | None = None) -> bool:
        """Whether something that the test waits for did not pass."""
        return any(one not in self.good and one != running for one in self.after[nid])

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
