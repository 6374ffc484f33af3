# SPDX-License-Identifier: GPL-2.0-only
"""What each test ran: functions, and files that it opened; for the function map.

This file is sent to a worker beside `pytest_stream.py` and used by it in the tested project's own Python (3.8 or
later); nothing is installed there. From Python 3.12 on ``sys.monitoring`` tells when a function begins, once for each
test; below that coverage.py does, with its C tracer, if the project has it. Without either, nothing is recorded.

A unit is a function of the checkout by path and qualified name; what is defined inside of a function belongs to it. A
file is a unit named ``<file>``, a module's own code ``<module>``. Units are told as `key` numbers, which the other side
reckons from the changed units; two units of one number only ever add tests. What runs while a file is collected is told
under the file's own nid; what a fixture of a wider scope runs counts for every test that uses it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from buildbot_cd.worker.tests.cd_checkout import BLIND, FILE, Files, key, packed
    from buildbot_cd.worker.tests.cd_functions import Monitoring, Traced
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # the program that loads this has left it out again
    try:
        from cd_checkout import BLIND, FILE, Files, key, packed
        from cd_functions import Monitoring, Traced
    finally:
        sys.path.pop(0)

SKIPPED = (".pyc", ".pyo", ".py", ".so")  # opened by imports and tracebacks


class Opened:
    """Files of the checkout that are opened for reading, by an audit hook, which stays to the end of the process."""

    def __init__(self, files: Files, starts: tuple[str, ...]) -> None:
        """``starts`` are the audited events after which something runs that is not seen."""
        self.files, self.starts, self.blind = files, starts, key("", BLIND)
        self.ran: set[int] = set()
        sys.addaudithook(self.heard)

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """Every audited event of this process."""
        if event == "open":
            name = args[0]
            if isinstance(name, bytes):
                name = os.fsdecode(name)
            if isinstance(name, str) and not name.endswith(SKIPPED):
                path = self.files.path(name)
                if path is not None:
                    self.ran.add(key(path, FILE))
        elif event in self.starts and (event != "subprocess.Popen" or is_python(args)):
            self.ran.add(self.blind)  # what another process runs is not seen

    def take(self) -> set[int]:
        """What was opened since the last call."""
        ran, self.ran = self.ran, set()
        return ran


def is_python(args: tuple[Any, ...]) -> bool:
    """Whether the program to be started is a Python, or something that we cannot tell."""
    try:
        command = args[1]
        words = command.split() if isinstance(command, str) else [os.fsdecode(one) for one in command]
        return any("py" in os.path.basename(word) for word in [str(args[0] or ""), *words[:3]])
    except (TypeError, IndexError):
        return True


class Ran:
    """A plugin of pytest that tells ``ran`` events: a nid and the units that it ran."""

    def __init__(self, names: Any, tell: Callable[..., None], nid_of: Callable[[Any], str | None]) -> None:
        """``names`` are `pytest_stream.Names`; ``tell`` writes an event; ``nid_of`` gives the nid of an item."""
        self.names, self.tell, self.nid_of = names, tell, nid_of
        files = Files(names.top)
        self.recorder: Any = Monitoring(files) if hasattr(sys, "monitoring") else Traced(files)
        self.works = self.recorder.begin()
        self.opened = Opened(files, self.recorder.starts) if self.works else None
        self.of_fixture: dict[Any, set[int]] = {}
        self.kept: set[int] = set()
        self.used: list[Any] = []
        self.pid = os.getpid()

    def take(self) -> set[int]:
        """What ran since the last call."""
        if self.opened is None:
            return set()
        kept, self.kept = self.kept, set()
        kept.update(self.recorder.take(), self.opened.take())
        return kept

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: Any) -> Iterator[None]:
        """A file or folder is looked into: its module is imported."""
        before = self.take()
        yield
        ran = before | self.take()
        path = self.names.path(getattr(collector, "path", None) or collector.fspath)
        if ran and path is not None:
            self.tell("ran", nid="pytest:" + path, units=packed(ran))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """One test with all its phases."""
        if self.opened is None:
            yield
            return
        self.take()
        self.recorder.again()
        self.used = used(item)
        yield
        ran = self.take()
        for fixture in self.used:
            ran |= self.of_fixture.get(fixture, set())
        nid = self.nid_of(item)
        if nid is not None and os.getpid() == self.pid:
            self.tell("ran", nid=nid, units=packed(ran))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        """Before pytest forgets which fixtures the test asked for."""
        self.used += used(item)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """A fixture is set up; one that several tests share is recorded by itself."""
        if self.opened is None or fixturedef.scope == "function":
            yield
            return
        before = self.take()
        self.recorder.again()
        yield
        ran = self.take()
        active = getattr(request, "_fixture_defs", {})
        for name in fixturedef.argnames:  # set up before, perhaps for another test
            ran |= self.of_fixture.get(active.get(name), set())
        self.of_fixture.setdefault(fixturedef, set()).update(ran)
        self.kept |= before | ran


def used(item: Any) -> list[Any]:
    """The fixtures that a test used, also those that were asked for while it ran; private to pytest, as is `Item`."""
    found: list[Any] = []
    named = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    for fixtures in named.values():
        found += fixtures
    asked = getattr(getattr(item, "_request", None), "_fixture_defs", {})
    return found + list(asked.values())
