# SPDX-License-Identifier: GPL-2.0-only
"""pytest-xdist's own schedulers, driven with a made-up clock; only its workers are modelled.

A worker of xdist holds the next test while it runs one (it must know what to keep set up), so it starts a test only
when it has another one or was told to shut down. Messages take no time here, which is in xdist's favour.
"""

from __future__ import annotations

import heapq
import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from xdist.remote import Producer
from xdist.scheduler import LoadScheduling, LoadScopeScheduling, WorkStealingScheduling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEDULERS: dict[str, Any] = {
    "load": LoadScheduling,
    "worksteal": WorkStealingScheduling,
    "loadscope": LoadScopeScheduling,
}
OPTIONS = {"maxschedchunk": None, "loadscopereorder": True}
"""xdist's own defaults."""


class Clock:
    """What happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Any]] = []
        self._tie = itertools.count()

    def at(self, when: float, what: Any) -> None:
        """Call ``what`` at this time."""
        heapq.heappush(self._events, (when, next(self._tie), what))

    def run(self) -> None:
        """Until nothing is left."""
        while self._events:
            self.now, _, what = heapq.heappop(self._events)
            what()


class Node:
    """A worker, as the schedulers see it."""

    def __init__(self, name: str, speed: float, model: Model) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.speed, self.model = speed, model
        self.shutting_down = False
        self.queue: list[int] = []
        self.next: int | None = None
        self.busy = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Put tests into the worker's queue."""
        self.queue += indices
        self._go_on()

    def send_steal(self, indices: Sequence[int]) -> None:
        """Take back those that are still in the queue; the answer comes as a message."""
        wanted = set(indices)
        stolen = [one for one in self.queue if one in wanted]
        self.queue = [one for one in self.queue if one not in wanted]
        self.model.clock.at(self.model.clock.now, lambda: self.model.stolen(self, stolen))

    def shutdown(self) -> None:
        """No more tests will come: run the one that is held."""
        self.shutting_down = True
        self._go_on()

    def _go_on(self) -> None:
        if self.next is None and self.queue:
            self.next = self.queue.pop(0)
        if self.busy or self.next is None or not (self.queue or self.shutting_down):
            return
        running, self.next = self.next, self.queue.pop(0) if self.queue else None
        self.busy = True
        clock, seconds = self.model.clock, self.model.seconds[running] / self.speed

        def done() -> None:
            self.busy = False
            self._go_on()
            self.model.done(self, running, seconds)

        clock.at(clock.now + seconds, done)


class Model:
    """One run."""

    def __init__(self, mode: str, files: Sequence[str], seconds: Sequence[float], speeds: Sequence[float]) -> None:
        self.clock, self.seconds = Clock(), seconds
        config = SimpleNamespace(
            getvalue=lambda _name: ["popen"] * len(speeds), getoption=OPTIONS.get, option=SimpleNamespace(**OPTIONS)
        )
        self.scheduler = SCHEDULERS[mode](config, Producer("quiet", enabled=False))
        self.nodes = [Node(f"gw{n}", speed, self) for n, speed in enumerate(speeds)]
        collection = [f"{file}::t{n}" for n, file in enumerate(files)]
        self.left = len(collection)
        for node in self.nodes:
            self.scheduler.add_node(node)
            self.scheduler.add_node_collection(node, collection)

    def run(self) -> float:
        """Seconds to the last result."""
        self.scheduler.schedule()
        self._finish()
        self.clock.run()
        if self.left:
            raise RuntimeError(f"{self.left} tests had no turn: the model is wrong")
        return self.clock.now

    def done(self, node: Node, index: int, seconds: float) -> None:
        """A result reaches the scheduler."""
        self.left -= 1
        self.scheduler.mark_test_complete(node, index, seconds)
        self._finish()

    def stolen(self, node: Node, indices: list[int]) -> None:
        """The answer to a steal reaches it."""
        self.scheduler.remove_pending_tests_from_node(node, indices)
        self._finish()

    def _finish(self) -> None:
        if self.scheduler.tests_finished:
            for node in self.nodes:
                if not node.shutting_down:
                    node.shutdown()


def xdist(
    mode: str, files: Mapping[str, str], actual: Mapping[str, float], speeds: Sequence[float], start: float
) -> float:
    """Seconds that ``pytest -n len(speeds) --dist mode`` takes; ``files`` by nid in the order of collection."""
    nids = list(files)
    return start + Model(mode, [files[nid] for nid in nids], [actual[nid] for nid in nids], speeds).run()
